// Convolutions for inference, with packed weights (see packed_linear.h). int8 models keep convolutions in float32.
#pragma once

#include "fourm/kernels/cpu/packed_linear.h"

namespace fourm {

/// Images [B, C, H, W] in channels-last memory format.
inline Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

/// y = conv(x) + bias (+ residual), padded so that stride 1 keeps the size. Packed when it is first used. Thread-safe.
class PackedConv2d : public Conv2dKernel {
 public:
  /// weight [out, in, k, k] with k odd, bias [out].
  PackedConv2d(Tensor weight, Tensor bias, int64_t stride, Packing packing);
  ~PackedConv2d() override;
  /// x [B, in, H, W], channels last -> float32 [B, out, H / stride, W / stride], channels last.
  Tensor operator()(const Tensor& x, const Tensor& residual = {}) const override;

 private:
  struct Winograd;
  struct Direct;
  const Winograd& winograd() const;
  const Direct& direct(at::IntArrayRef input) const;
  Tensor weight_, bias_;
  int64_t stride_;
  Packing packing_;
  Lazy<Winograd> winograd_;
  Lazy<Direct> direct_;
};

}  // namespace fourm
