// The one ATen include; precompiled for the tensor folders. Autograd works through it: no torch::nn is used.
#pragma once

#include <ATen/ATen.h>

namespace fourm {

using at::Tensor;

}  // namespace fourm
