// What follows a matrix product while its result is at hand.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// What is done with a product y [N, out].
struct Epilogue {
  enum Kind {
    kNone,
    kSilu,  ///< silu(y)
    kGelu,  ///< gelu(y), the exact form
    kPlus,  ///< y + other
  } kind = kNone;
  Tensor other;  ///< [N, out]
};

}  // namespace fourm
