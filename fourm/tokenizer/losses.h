// Reconstruction losses of the tokenizers (paper appendix B.3, Table 3).
#pragma once

#include <string>

#include "fourm/core/tensor.h"

namespace fourm {

/// A scalar. `name`: mse, l1, smooth_l1, cross_entropy (logits [B, K, H, W] against classes [B, H, W]), cosine (per
/// channel over space), cosine_1d (per position over channels) or binary_cross_entropy (the masks' doubly squashed
/// form: softmax over probabilities). Where `known` is defined (bool [B, 1, H, W]), the mean is over the pixels that it
/// marks, and 0 where it marks none. Error on another name.
Tensor reconstruction_loss(const std::string& name, const Tensor& output, const Tensor& target,
                           const Tensor& known = {});

}  // namespace fourm
