// An image-text model trained by contrast (CLIP, Radford et al. 2021): a ViT and a small text Transformer whose outputs
// meet in one space. What stands there of an image is the mean of its patches, so that the patches stand there too:
// they are the feature modality (paper section 2.1 and appendix B.1, CLIP feature maps).
#pragma once

#include <memory>
#include <optional>

#include "fourm/clip/config.h"
#include "fourm/nn/layers.h"
#include "fourm/text/wordpiece.h"
#include "fourm/tokenizer/vit.h"

namespace fourm {

class ClipModel {
 public:
  /// From a folder: config.json, model.safetensors, tokenizer.json. With `pack_for` it is made to answer fast, in that
  /// precision, and cannot be trained (nn/packed_linear.h).
  static ClipModel open(const fs::path& folder, std::optional<Precision> pack_for = {});
  /// Fresh weights, for texts of the given tokenizer.json.
  static ClipModel fresh(const ClipConfig& config, const fs::path& text_tokenizer, uint64_t seed);
  void save(const fs::path& folder) const;

  const ClipConfig& config() const { return config_; }
  Parameters& parameters() { return *parameters_; }

  /// Images [B, 3, H, W] in [-1, 1], H and W multiples of the patch -> every patch in the shared space [B, D, h, w].
  Tensor patch_features(const Tensor& images) const;
  /// Their means, of unit length [B, D].
  Tensor embed_images(const Tensor& images) const;
  /// [B, D], of unit length.
  Tensor embed_texts(const std::vector<std::string>& texts) const;
  /// What cosines are multiplied by to become logits: the inverse temperature, learned, at most 100.
  Tensor scale() const;

 private:
  ClipModel(const ClipConfig& config, std::string tokenizer_json, const std::string& origin, ParameterSource& source);
  std::vector<int64_t> ids(const std::string& text) const;

  ClipConfig config_;
  std::string tokenizer_json_;
  WordPiece text_;
  std::shared_ptr<Parameters> parameters_;
  std::shared_ptr<const VitEncoder> image_;
  LayerNorm image_norm_, text_norm_;
  Linear image_proj_, text_proj_;
  EmbeddingTable token_emb_;  // [V, D]
  Tensor pos_emb_;            // [max_tokens, D]
  std::vector<EncoderBlock> text_blocks_;
  Tensor logit_scale_;  // [1], a logarithm
};

}  // namespace fourm
