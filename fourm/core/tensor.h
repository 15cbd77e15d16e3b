// The precompiled ATen header of the tensor folders; sources include further ATen headers where they need them, the plain
// folders none. Autograd works through ATen: no torch::nn is used.
// An include guard and not #pragma once, which compares the times of files: a precompiled header from ccache has those of
// another checkout.
#ifndef FOURM_CORE_TENSOR_H
#define FOURM_CORE_TENSOR_H

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace fourm {

using at::Tensor;
using c10::NoGradGuard;

/// x.to(type), which costs a microsecond even where there is nothing to do.
inline Tensor as_type(const Tensor& x, at::ScalarType type) { return x.scalar_type() == type ? x : x.to(type); }

/// While it lives, this thread's results have no gradients and no record of being views: LibTorch's operators skip autograd's
/// layers, a quarter of what they cost on a row, and small steps consist of many.
struct InferenceGuard {
  NoGradGuard no_grad;
  at::AutoDispatchBelowADInplaceOrView plain;
};

}  // namespace fourm

#endif
