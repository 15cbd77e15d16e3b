// LibTorch's private operators, found by name in its dispatcher. For packed_*.cpp alone, which probe what they use.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include "fourm/core/tensor.h"

namespace fourm {

using ScalarList = c10::List<std::optional<at::Scalar>>;

template <class Function>
auto operator_named(const char* name, const char* overload = "") {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Function>();
}

}  // namespace fourm
