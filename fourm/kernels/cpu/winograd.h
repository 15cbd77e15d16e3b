// 3 x 3 convolutions by Winograd's minimal filtering F(2 x 2, 3 x 3) (Lavin and Gray 2015, section 4.1): 16 multiplications
// instead of 36 for 2 x 2 outputs from 4 x 4 inputs. The transforms are sums, so the rounding error is about that of the
// direct convolution.
#pragma once

#include "fourm/kernels/cpu/panel_matrix.h"

namespace fourm {

class WinogradConv2d {
 public:
  /// weight [out, in, 3, 3] of any floating type.
  explicit WinogradConv2d(const Tensor& weight);
  /// conv(x) + bias (+ residual), stride 1, zeros around: x [B, in, H, W] float32, bias [out], residual like the result ->
  /// [B, out, H, W], channels last. An image's result does not depend on the other images of the batch.
  Tensor operator()(const Tensor& x, const Tensor& bias, const Tensor& residual = {}) const;

 private:
  int64_t in_, out_;
  PanelMatrix filters_;  // 16 heads [in, out], by row and column of the transformed 4 x 4
};

}  // namespace fourm
