// Reconstruction losses of the tokenizers (paper appendix B.3, Table 3).
#pragma once

#include <string>

#include "fourm/core/tensor.h"
#include "fourm/dist/process_group.h"

namespace fourm {

/// A scalar. `name`: mse, l1, smooth_l1, cross_entropy (logits [B, K, H, W] against classes [B, H, W]), cosine (per
/// channel over space), cosine_1d (per position over channels) or binary_cross_entropy (of masks: a softmax over
/// the two sigmoid probabilities, as in the original). Where `known` is defined (bool [B, 1, H, W]), the mean is over the pixels that it
/// marks, and 0 where it marks none. Where several processes have parts of a batch, it is the share of this one: the mean is
/// over the pixels of all, and the sum over the processes is the loss of the batch. Error on another name.
Tensor reconstruction_loss(const std::string& name, const Tensor& output, const Tensor& target,
                           const Tensor& known = {}, const ProcessGroup& group = {});

}  // namespace fourm
