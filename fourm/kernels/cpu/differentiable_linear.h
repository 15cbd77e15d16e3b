// The linear map that training spends most of its time in.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// x W^T + b with gradients: x [..., in], weight [out, in], bias [out] or undefined. While autograd records float32
/// operations, the forward and backward passes use the matrix multiplication of kernels/cpu/panel_matrix.h. Otherwise, also under
/// PrecisionScope(kBf16), they use at::linear.
Tensor differentiable_linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace fourm
