// A contrastive image-text model (CLIP, Radford et al. 2021): a ViT and a small text Transformer with a joint embedding
// space. The embedding of an image is the mean of its patch embeddings. The patch embeddings are the feature modality
// (paper section 2.1 and appendix B.1, CLIP feature maps).
#pragma once

#include <memory>

#include "fourm/clip/config.h"
#include "fourm/nn/layers.h"
#include "fourm/text/wordpiece.h"
#include "fourm/tokenizer/vit.h"

namespace fourm {

class ClipModel {
 public:
  /// From a folder: config.json, model.safetensors, tokenizer.json. `compute` says where and how the model computes; by
  /// default it can be trained on the CPU.
  static ClipModel open(const fs::path& folder, const Compute& compute = {});
  /// New weights, for the text tokenizer of tokenizer.json.
  static ClipModel create(const ClipConfig& config, const fs::path& text_tokenizer, uint64_t seed,
                          at::Device device = at::kCPU);
  void save(const fs::path& folder) const;

  const ClipConfig& config() const { return config_; }
  Parameters& parameters() { return *parameters_; }

  /// Images [B, 3, H, W] in [-1, 1], H and W multiples of the patch -> patch embeddings [B, D, h, w].
  Tensor patch_features(const Tensor& images) const;
  /// Image embeddings: the means of the patch embeddings, of unit length [B, D].
  Tensor embed_images(const Tensor& images) const;
  /// Text embeddings of unit length [B, D].
  Tensor embed_texts(const std::vector<std::string>& texts) const;
  /// The learned inverse temperature, at most 100: logits are cosine similarities times this.
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
  Tensor logit_scale_;  // [1], logarithm of the inverse temperature
};

}  // namespace fourm
