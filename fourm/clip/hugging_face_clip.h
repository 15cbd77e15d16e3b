// CLIP (Radford et al. 2021) as Hugging Face stores it: config.json, model.safetensors, vocab.json and merges.txt. The embeddings
// equal those of CLIPModel in `transformers`. The feature maps are those of CLIP-B16 in the original (apple/ml-4m,
// fourm/utils/clip/model.py).
#pragma once

#include <array>
#include <memory>

#include "fourm/clip/image_text_model.h"
#include "fourm/nn/layers.h"
#include "fourm/text/byte_pair.h"

namespace fourm {

/// One of the two Transformers.
struct ClipTower {
  int64_t width = 0, mlp_hidden = 0, depth = 0, heads = 0;
  double norm_epsilon = 1e-5;
  bool is_quick = true;  ///< GELU as x sigmoid(1.702 x)
};

struct HuggingFaceClipConfig {
  ClipTower image, text;
  int64_t image_size = 224, patch_size = 32, embed_dim = 512, vocabulary = 49408, max_tokens = 77;
  std::array<float, 3> mean{0.48145466F, 0.4578275F, 0.40821073F};        ///< of RGB in [0, 1]
  std::array<float, 3> deviation{0.26862954F, 0.26130258F, 0.27577711F};  ///< of RGB in [0, 1]

  int64_t grid() const { return image_size / patch_size; }  ///< patches a side
  /// Of config.json and, where it is there, preprocessor_config.json. Error naming file and key.
  static HuggingFaceClipConfig read(const fs::path& folder);
};

/// Whether the folder's config.json is one of Hugging Face: whether it has a model_type.
bool is_hugging_face_model(const fs::path& folder);

class HuggingFaceClip : public ImageTextModel {
 public:
  /// Error on missing tensors and wrong shapes, naming all of them.
  static HuggingFaceClip open(const fs::path& folder, const Compute& compute);

  int64_t image_size() const override { return config_.image_size; }
  int64_t patch_size() const override { return config_.patch_size; }
  int64_t width() const override { return config_.embed_dim; }
  double scale() const override;
  /// Texts are cut to max_tokens.
  Tensor embed_texts(const std::vector<std::string>& texts) const override;
  /// Images as of pixels().
  Tensor embed_images(const std::vector<Image>& images) const override;
  /// Standardised by the mean and deviation of ImageNet, as in the recipes of the original's tokenizers for CLIP-B16. The table of
  /// positions is resized to sizes other than image_size.
  Tensor feature_maps(const std::vector<Image>& images, int64_t size) const override;

  /// [B, 3, S, S] as of CLIPImageProcessor: the shorter side resized to S (bicubic, as Pillow), the middle square, standardised.
  Tensor pixels(const std::vector<Image>& images) const;

 private:
  HuggingFaceClip(const HuggingFaceClipConfig& config, BytePair words, ParameterSource& source);
  /// Images [B, 3, H, W] -> [B, 1 + h w, D] of the last layer, the class token first.
  Tensor encode(const Tensor& images) const;
  Tensor positions(int64_t h, int64_t w) const;

  HuggingFaceClipConfig config_;
  BytePair words_;
  std::shared_ptr<Parameters> parameters_;
  Linear patch_emb_;
  Tensor class_emb_, image_positions_;  // [D], [1 + grid^2, D]
  EmbeddingTable token_emb_;            // [V, D]
  Tensor text_positions_;               // [max_tokens, D]
  LayerNorm before_image_blocks_, image_norm_, text_norm_;
  std::vector<EncoderBlock> image_blocks_, text_blocks_;
  Linear image_proj_, text_proj_;
  Tensor logit_scale_;  // a number
};

}  // namespace fourm
