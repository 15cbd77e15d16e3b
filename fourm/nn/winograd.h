// Convolutions of 3 x 3 by Winograd's minimal filtering F(2 x 2, 3 x 3) (Lavin and Gray 2015, section 4.1): what makes 2 x 2
// outputs of 4 x 4 inputs are 16 products in place of 36, all other steps are sums. Sums of as many numbers, so results are
// as exact as those of direct convolutions.
#pragma once

#include "fourm/nn/panel_matrix.h"

namespace fourm {

class WinogradConv2d {
 public:
  /// weight [out, in, 3, 3] of any floating type.
  explicit WinogradConv2d(const Tensor& weight);
  /// conv(x) + bias (+ residual), stride 1, zeros around: x [B, in, H, W] float32, bias [out], residual like the result ->
  /// [B, out, H, W]; pictures channels last. A picture's result does not depend on the pictures beside it.
  Tensor operator()(const Tensor& x, const Tensor& bias, const Tensor& residual = {}) const;

 private:
  int64_t in_, out_;
  PanelMatrix products_;  // 16 heads [in, out], by row and column of the transformed 4 x 4
};

}  // namespace fourm
