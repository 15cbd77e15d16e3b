// The diffusion decoder (paper appendix B.3): a UNet, conditioned on the tokens, denoises an image. The original: DiVAE in
// fourm/vq/vqvae.py.
#pragma once

#include "fourm/tokenizer/feature_map.h"
#include "fourm/tokenizer/solver.h"
#include "fourm/tokenizer/unet.h"

namespace fourm {

class DiffusionDecoder : public TokenDecoder {
 public:
  DiffusionDecoder(const Scope& scope, const TokenizerConfig& config);
  int64_t width() const override { return latent_width_; }

  /// All images of the batch start from the same noise, so that an image depends on its tokens and the seed only. Sizes
  /// that the UNet does not support are padded at the right and bottom, and cropped afterwards.
  Tensor operator()(const FeatureMap& features, const DecodeOptions& options) const override;
  /// The denoising task at random time steps: the UNet's output, and its target: image, noise or velocity.
  /// Sides of x must be multiples of the UNet's (32 pixels in official ones).
  Reconstruction train(const FeatureMap& features, const Tensor& x, TrainingDraws& draws) const override;

  /// Samples from `noise`; `fresh` returns the noise of a step.
  Tensor sample(const Tensor& latents, const DecodeOptions& options, const Tensor& noise,
                const std::function<Tensor(int64_t step)>& fresh) const;
  /// The UNet's output for noisy [B, C, H, W], t Long [B] or [1], latents [B, d, h, w]; `dropped` (bool [B, h, w] or
  /// undefined) marks tokens that are dropped.
  Tensor output(const Tensor& noisy, const Tensor& t, const Tensor& latents, const Tensor& dropped = {}) const;

  const NoiseSchedule& schedule() const { return schedule_; }
  const PatchedUnet& unet() const { return unet_; }
  Prediction prediction() const { return prediction_; }

 private:
  Tensor drawn_mask(const TokenGrid& grid, TrainingDraws& draws) const;

  int64_t channels_, latent_width_, patch_;
  double dropout_;
  bool partial_dropout_;
  int64_t fewest_kept_;
  std::optional<int64_t> most_kept_;  // unset: all tokens
  Prediction prediction_;
  Clipping clipping_;
  NoiseSchedule schedule_;
  PatchedUnet unet_;
};

}  // namespace fourm
