// The elementwise operation that is fused into a matrix multiplication.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// Applied to the result y [N, out] of a matrix multiplication.
struct Epilogue {
  enum Kind {
    kNone,
    kSilu,      ///< silu(y)
    kGelu,      ///< gelu(y), the exact form
    kTanh,      ///< tanh(y)
    kResidual,  ///< y + residual
  } kind = kNone;
  Tensor residual;  ///< [N, out]
};

}  // namespace fourm
