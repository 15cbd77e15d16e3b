// The modalities that a model reads and generates. The official ones are a built-in table (official.h). A YAML file of the
// same form adds others, so a new token modality needs no new code.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/config.h"
#include "fourm/core/file.h"

namespace fourm {

enum class ModalityKind {
  kPixels,      ///< raw image, cut into patches and projected; input only
  kTokens,      ///< ids on a grid; targets are predicted in parallel (MaskGIT, ROAR)
  kSequence,    ///< ids in order, text or boxes; targets are predicted left to right
  kEmbeddings,  ///< a sequence of vectors, such as T5's; input only
};

enum class PositionKind { kSinCos2d, kSinCos1d, kLearned };

struct Modality {
  std::string name;  ///< "tok_depth@224"
  ModalityKind kind = ModalityKind::kTokens;
  int64_t vocab_size = 0;  ///< V; 0 for pixels and embeddings
  int64_t image_size = 0;  ///< pixels per side of the square image behind the grid; 0 = the model's, or no grid
  int64_t patch_size = 0;  ///< pixels per side of the patch behind one token; 0 = the model's, or no grid
  int64_t channels = 3;    ///< of an image
  int64_t max_tokens = 0;  ///< most tokens of a sample; of grids the grid's size
  int64_t max_length = 0;  ///< sequences: decoder positions at or beyond this become 0; 0 = max_tokens
  int64_t width = 0;       ///< numbers a vector, for embeddings
  PositionKind positions = PositionKind::kSinCos2d;

  bool is_sequence() const { return kind == ModalityKind::kSequence || kind == ModalityKind::kEmbeddings; }
  /// Pixels, and tokens that lie on a square grid over the image. Other tokens, such as those of audio, have
  /// max_tokens and neither image_size nor patch_size.
  bool has_grid() const { return !is_sequence() && patch_size > 0; }
  int64_t grid() const { return has_grid() ? image_size / patch_size : 0; }  ///< tokens per side
  int64_t patch_numbers() const { return patch_size * patch_size * channels; }
  /// The label in the official masks: SHA-256 of the name, modulo 2^15.
  int16_t id() const;
};

class ModalityTable {
 public:
  /// The official modalities of 4M-7, 4M-21 and super-resolution.
  static ModalityTable official();

  /// Adds or replaces modalities from YAML of the form {modalities: {NAME: {kind: tokens, vocab_size: 512, ...}}}.
  void extend(const std::string& yaml, const std::string& origin);
  void extend(const fs::path& path);

  bool contains(std::string_view name) const { return rows_.contains(std::string(name)); }
  /// The modality with sizes that the table leaves to the model filled in. Error with the nearest name when unknown.
  Modality at(const std::string& name, int64_t model_image_size = 224, int64_t model_patch_size = 16) const;
  std::vector<std::string> names() const;
  /// The rows named, as YAML that extend() reads.
  std::string yaml(const std::vector<std::string>& names) const;

 private:
  std::map<std::string, Modality> rows_;
};

/// The keys of a modality in modalities.yaml.
std::vector<FieldDescription> describe_modality_keys();

}  // namespace fourm
