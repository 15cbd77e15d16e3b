// Activation checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): the activations inside a
// block are not kept for the backward pass, which computes them again.
#pragma once

#include <functional>
#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

/// block(inputs), of which only the inputs are kept until the backward pass. The block must compute the same each time; its
/// parameters get their gradients as usual, and so do the inputs that require them. Without gradients, or when no input
/// requires one, the block is called as it is.
Tensor checkpoint(const std::function<Tensor(const std::vector<Tensor>&)>& block, const std::vector<Tensor>& inputs);

}  // namespace fourm
