// Copies from the host to a device.
#pragma once

#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

/// The numbers as a tensor on the host, to be copied to a device.
template <class T>
Tensor to_tensor(const std::vector<T>& numbers) {
  return at::tensor(at::ArrayRef<T>(numbers));
}

/// Replaces the tensors by their copies on the device, with one transfer for each type of numbers among them. Undefined
/// tensors and those that are on the device already stay as they are.
void upload(const std::vector<Tensor*>& tensors, at::Device device);

}  // namespace fourm
