// Tensors in memory of their own.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// Zeros that lie apart from what comes and goes, in large pages where there are any (core/memory.h): for matrices of a network
/// and for what each step of an answer reads. Beyond their time nothing of them is kept.
Tensor lasting_tensor(at::IntArrayRef shape, at::ScalarType type);

}  // namespace fourm
