// Files that `fourm tokenize` copies without a tokenizer: texts, JSON, vectors, embeddings and token ids. Other files are left
// out, because only a tokenizer can make them follow the crops.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/data/crop.h"
#include "fourm/data/source.h"

namespace fourm {

struct CarryOver {
  std::vector<std::string> copied;              ///< modalities, sorted
  std::map<std::string, std::string> left_out;  ///< modality -> why; of a copied one: some of its files
};

/// For the modalities of `source` that are not in `used`. Reads one array of each modality of arrays: maps are left out,
/// and token ids of another number of crops than `crops`. Texts about a crop (is_text_of_crop) are left out where random
/// crops are drawn, which they do not describe.
CarryOver plan_carry_over(const Source& source, const std::set<std::string>& used, int64_t crops);

/// Whether a sample has a file of the modality that is copied.
bool is_copied(const Source& source, int64_t sample, const std::string& modality);

/// The crops of a sample, which its copied files follow.
struct SampleCrops {
  std::optional<ImageSize> image;  ///< size of the image file
  std::vector<CropView> views;     ///< the crops that are kept
  int64_t kept = 1;                ///< their number
  int64_t stored = 0;              ///< number of crops in the sample's crop_settings; 0: it has none
};

/// The size of the image that a file of boxes states; nothing where it states none. `bytes` are those of the file.
std::optional<ImageSize> stated_image_size(const Source& source, int64_t sample, const std::string& modality,
                                           std::string_view bytes);

/// The bytes to write for a file with these bytes, which are checked. Where there is a text or an embedding for each of the
/// sample's own crops, those of the first `kept` are kept. Boxes get the size of their image, which crops are relative to:
/// that of the image file, else what they state, else that of `views`. Error naming the file when it is broken, and when
/// token ids have another number of crops than `kept`.
std::string carried_over(const Source& source, int64_t sample, const std::string& modality, std::string bytes,
                         const SampleCrops& crops);

}  // namespace fourm
