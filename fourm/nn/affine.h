// The product that training spends its time in.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// x W^T + b with gradients: x [..., in], weight [out, in], bias [out] or undefined. While gradients are recorded in float32
/// it and its gradients are products of ours (nn/panel_matrix.h); otherwise, also under PrecisionScope(kBf16), LibTorch's.
Tensor affine(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace fourm
