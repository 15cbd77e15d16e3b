// A tokenizer: encoder, quantiser and decoder of one modality (paper section 2.1, appendix B.3).
#pragma once

#include <memory>

#include "fourm/tokenizer/config.h"
#include "fourm/tokenizer/feature_map.h"
#include "fourm/tokenizer/quantizer.h"

namespace fourm {

class Tokenizer {
 public:
  /// From a folder (config.json + model.safetensors) or a single .safetensors file with its config in the header.
  /// `compute` says where and how it computes; by default it can be trained on the CPU. `input` is the default where the
  /// config has none.
  static Tokenizer open(const fs::path& path, const Compute& compute = {},
                        const std::optional<InputConfig>& input = {});
  /// New weights.
  static Tokenizer create(const TokenizerConfig& config, uint64_t seed, at::Device device = at::kCPU);
  /// Into a folder, or, when `path` ends in .safetensors, into one file.
  void save(const fs::path& path) const;

  const TokenizerConfig& config() const { return config_; }
  Parameters& parameters() { return *parameters_; }
  const Parameters& parameters() const { return *parameters_; }
  at::Device device() const { return parameters_->kernels().device(); }
  Quantizer& quantizer() { return *quantizer_; }

  /// Tokens of images or feature maps [B, C, H, W] float, or labels [B, H, W] int64 when n_labels is set;
  /// H and W multiples of the patch. Returns [B, h, w] int64, or [B, Q, h, w] with Q > 1 codebooks.
  Tensor encode(const Tensor& x) const;
  /// Tokens of any grid, in the form of encode() -> [B, C, H, W] (class logits when n_labels is set).
  Tensor decode_tokens(const Tensor& tokens, const DecodeOptions& options = {}) const;

  // The stages, for training and tests.
  FeatureMap features(const Tensor& x) const;            ///< encoder output
  FeatureMap latents(const FeatureMap& features) const;  ///< width latent_dim, float32, not quantised
  FeatureMap quantised(const Tensor& tokens) const;      ///< codebook vectors of tokens
  Tensor decode(const FeatureMap& quantised, const DecodeOptions& options = {}) const;  ///< [B, C, H, W]
  Tensor shape_tokens(const Tensor& codes, const TokenGrid& grid) const;                ///< [N, Q] -> as encode()

  const TokenDecoder* decoder() const { return decoder_.get(); }  ///< null: the tokenizer has none

  struct Training {
    Tensor output;     ///< [B, C, H, W], or class logits [B, K, H, W] when n_labels is set
    Tensor target;     ///< [B, C, H, W]: x, or with a diffusion decoder what it predicts; or labels [B, H, W] int64
    Tensor code_loss;  ///< [1]
    Tensor tokens;     ///< as encode()
  };
  /// Forward pass in training of one micro-batch, x as for encode(). The loss compares output and target. The codebook is
  /// updated by quantizer().update(), once per step.
  Training train_forward(const Tensor& x, TrainingDraws& draws);

 private:
  Tokenizer(TokenizerConfig config, ParameterSource& source);
  Tensor on_device(const Tensor& x) const;  ///< x, checked
  Tensor encoder_input(const Tensor& x) const;
  FeatureMap decoder_input(const FeatureMap& quantised) const;

  TokenizerConfig config_;
  std::unique_ptr<Parameters> parameters_;
  Tensor class_embedding_;
  std::unique_ptr<TokenEncoder> encoder_;
  Linear quant_proj_, post_quant_proj_;
  std::unique_ptr<Quantizer> quantizer_;
  std::unique_ptr<TokenDecoder> decoder_;
};

}  // namespace fourm
