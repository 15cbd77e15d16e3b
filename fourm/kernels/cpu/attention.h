// Attention on the CPU by the kernel of kernels/cpu/attention_kernel.h.
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/kernels/attention_layout.h"

namespace fourm {

/// As Kernels::attention(), in float32, or in float64 where q has it.
Tensor cpu_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout);

}  // namespace fourm
