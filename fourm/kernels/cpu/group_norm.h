// Group normalisation (Wu and He 2018) for inference, fused with the shift before it and the activation after it in a
// residual block: images are read twice and written once.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// norm(x + shift), or silu of it: x [B, C, H, W] float32, weight and bias [C], shift [B or 1, C] or undefined, groups a
/// divisor of C -> [B, C, H, W], channels last.
Tensor cpu_group_norm(const Tensor& x, const Tensor& shift, int64_t groups, const Tensor& weight, const Tensor& bias,
                      double epsilon, bool then_silu);

}  // namespace fourm
