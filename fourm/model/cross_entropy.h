// The cross-entropy of target tokens under an output head.
#pragma once

#include "fourm/nn/layers.h"

namespace fourm {

/// Mean cross-entropy in nats of the logits head(x) with the targets: x [n, D], targets [n] in 0..V - 1 -> scalar, with
/// gradients. Where the logits [n, V] would be large, they are computed for some rows at a time, together with their
/// gradients, so that they are never in memory at once. The head has no bias.
Tensor cross_entropy(const Linear& head, const Tensor& x, const Tensor& targets);

/// The same, `rows` rows at a time.
Tensor sliced_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets, int64_t rows);

}  // namespace fourm
