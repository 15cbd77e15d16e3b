#include "fourm/data/default_view.h"

#include <algorithm>

#include "fourm/io/image.h"
#include "fourm/io/image_file.h"

namespace fourm {

std::optional<CropView> default_view(const Source& source, int64_t sample) {
  const auto is_image = [&](const std::string& modality) {
    return source.has(sample, modality) && is_image_file("image." + source.extension(sample, modality));
  };
  std::vector<std::string> candidates{"rgb"};
  candidates.insert(candidates.end(), source.modalities().begin(), source.modalities().end());
  const auto found = std::find_if(candidates.begin(), candidates.end(), is_image);
  if (found == candidates.end()) return std::nullopt;
  const Image image = decode_image(source.read(sample, *found), source.origin(sample, *found));
  return centre_view(image.width, image.height);
}

}  // namespace fourm
