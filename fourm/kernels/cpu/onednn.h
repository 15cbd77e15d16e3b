// oneDNN's linear operator with packed weights. LibTorch's operators for it are private, so they are found by name in its
// dispatcher; callers check that they exist.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include "fourm/kernels/epilogue.h"

namespace fourm {

using ScalarList = c10::List<std::optional<at::Scalar>>;

template <class Function>
auto operator_named(const char* name, const char* overload = "") {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Function>();
}

/// Whether the two functions below work with this type.
bool onednn_has_linear(at::ScalarType type);
/// A weight [out, in] in oneDNN's own layout.
Tensor onednn_pack(const Tensor& weight);
/// epilogue(x W^T + bias), or (x W^T + bias) y where there is a y; x [N, in] of the weight's type.
Tensor onednn_linear(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, const Epilogue& epilogue,
                     const Tensor& y = {});

}  // namespace fourm
