// Copies from the host to a device.
#pragma once

#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

/// Replaces the tensors by their copies on the device, with one transfer for each type of numbers among them. Undefined
/// tensors and those that are on the device already stay as they are.
void upload(const std::vector<Tensor*>& tensors, at::Device device);

}  // namespace fourm
