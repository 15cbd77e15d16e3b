// Kernels::argmax_linear on the CPU.
#pragma once

#include "fourm/kernels/kernels.h"

namespace fourm {

Tensor cpu_argmax_linear(const Tensor& x, const Matrix& matrix);

}  // namespace fourm
