// Tensors in huge pages.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// A tensor of zeros in pages of its own, in huge pages where the system has them (core/memory.h). It is meant for tensors
/// that live long and are read often: packed weights and KV caches. Its pages return to the system with the tensor.
Tensor huge_page_tensor(at::IntArrayRef shape, at::ScalarType type);

}  // namespace fourm
