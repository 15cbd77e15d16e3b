// Vectors of unit length.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// Rows of the last dimension divided by their Euclidean norm (at least 1e-12), as torch.nn.functional.normalize does.
inline Tensor unit_rows(const Tensor& x) { return x / x.norm(2, -1, /*keepdim=*/true).clamp_min(1e-12); }

}  // namespace fourm
