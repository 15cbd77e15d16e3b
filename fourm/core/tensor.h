// The one ATen include; precompiled for the tensor folders. Autograd works through it: no torch::nn is used.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace fourm {

using at::Tensor;
using c10::NoGradGuard;

}  // namespace fourm
