#include "fourm/data/sample_image.h"

#include <algorithm>

#include "fourm/io/image_file.h"

namespace fourm {

bool has_image_file(const Source& source, int64_t sample, const std::string& modality) {
  return source.has(sample, modality) && is_image_file("image." + source.extension(sample, modality));
}

std::optional<ImageSize> image_size(const Source& source, int64_t sample) {
  std::vector<std::string> candidates{"rgb"};
  candidates.insert(candidates.end(), source.modalities().begin(), source.modalities().end());
  const auto found = std::find_if(candidates.begin(), candidates.end(), [&](const std::string& modality) {
    return has_image_file(source, sample, modality);
  });
  if (found == candidates.end()) return std::nullopt;
  return decode_image_size(source.read(sample, *found), source.origin(sample, *found));
}

}  // namespace fourm
