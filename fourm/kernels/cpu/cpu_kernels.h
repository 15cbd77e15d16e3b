// The fast kernels for the CPU.
#pragma once

#include "fourm/kernels/kernels.h"

namespace fourm {

/// For training: matrix multiplication and attention with gradients. For inference: packed weights, in float32, bfloat16
/// or int8.
std::shared_ptr<const Kernels> cpu_kernels(const Compute& compute, ReleasePages release_pages);

}  // namespace fourm
