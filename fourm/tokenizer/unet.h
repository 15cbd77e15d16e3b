// The patched UNet of the diffusion tokenizers (paper appendix B.3; network of Nichol and Dhariwal 2021; the original:
// fourm/vq/models/unet/unet.py, PatchedUNetCondCat). Patches of pixels are folded into channels, the quantised vectors are
// concatenated to them, the output is unfolded again.
#pragma once

#include <optional>
#include <vector>

#include "fourm/nn/layers.h"
#include "fourm/tokenizer/config.h"

namespace fourm {

/// Odd kernels, padded so that stride 1 keeps the size.
struct Conv2d {
  Tensor weight, bias;
  Conv2d() = default;
  Conv2d(const Scope& scope, int64_t in, int64_t out, int64_t kernel, int64_t stride, bool zero = false);
  Tensor operator()(const Tensor& x) const { return (*convolve_)(x); }
  Tensor with_residual(const Tensor& x, const Tensor& residual) const { return (*convolve_)(x, residual); }

 private:
  std::shared_ptr<const Conv2dKernel> convolve_;
};

/// silu(norm(x + shift)) or norm(x), 32 groups. shift: [B or 1, C].
struct GroupNorm {
  Tensor weight, bias;
  GroupNorm() = default;
  GroupNorm(const Scope& scope, int64_t channels);
  Tensor operator()(const Tensor& x) const;
  Tensor silu(const Tensor& x, const Tensor& shift = {}) const;

 private:
  std::shared_ptr<const Kernels> kernels_;
};

/// skip(x) + conv(silu(norm(conv(silu(norm x)) + time)))
struct ResBlock {
  GroupNorm in_norm, out_norm;
  Conv2d in_conv, out_conv, skip;
  Linear time;
  ResBlock() = default;
  ResBlock(const Scope& scope, int64_t in, int64_t out, int64_t time_width);
  Tensor operator()(const Tensor& x, const Tensor& shift) const;
};

/// x + attention between all positions, one head of full width.
struct SpatialAttention {
  GroupNorm norm;
  Linear qkv, proj;
  SpatialAttention() = default;
  SpatialAttention(const Scope& scope, int64_t channels);
  Tensor operator()(const Tensor& x) const;

 private:
  std::shared_ptr<const Kernels> kernels_;
};

class PatchedUnet {
 public:
  PatchedUnet(const Scope& scope, const TokenizerPreset& preset, int64_t channels, int64_t latent_width);

  /// The projected time embedding of each residual block, [n, width of the block].
  using TimeShifts = std::vector<Tensor>;
  Tensor time_embedding(const Tensor& t) const;  ///< Long [n] -> [n, 4 * base width]
  TimeShifts time_shifts(const Tensor& t) const;
  /// The contribution of the quantised vectors [B, d, h, w] to the first layer, for images of height x width.
  Tensor condition(const Tensor& latents, int64_t height, int64_t width) const;
  /// noisy [B, C, H, W], H and W multiples of multiple() -> the same shape. Shifts of B time steps, or of one for all.
  Tensor operator()(const Tensor& noisy, const TimeShifts& shifts, const Tensor& condition) const;

  int64_t multiple() const { return patch_ << (levels_ - 1); }
  int64_t patch() const { return patch_; }

 private:
  // One entry of the official lists: a residual block and what follows it, or a downsampling convolution alone.
  struct Stage {
    std::optional<ResBlock> block;
    std::optional<SpatialAttention> attention;
    std::optional<Conv2d> down, up;
  };
  struct Shifts;
  static Tensor run(const Stage& stage, Tensor x, Shifts& shifts);
  std::vector<const ResBlock*> blocks() const;

  /// In the memory format that the convolutions work best with.
  Tensor formatted(const Tensor& images) const { return images.contiguous(kernels_->image_format()); }

  std::shared_ptr<const Kernels> kernels_;
  int64_t patch_, levels_, folded_, width_;
  Linear time_in_, time_out_;
  Conv2d stem_, out_conv_;
  GroupNorm out_norm_;
  std::vector<Stage> inputs_, middle_, outputs_;
};

}  // namespace fourm
