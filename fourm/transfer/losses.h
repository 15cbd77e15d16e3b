// Losses of maps. A value is the share of this process in the loss of the whole batch: their sum over the group is the mean
// over the known pixels of all.
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/dist/process_group.h"

namespace fourm {

/// Cross-entropy of logits [B, K, H, W] to labels [B, H, W]; pixels with the label `ignored` do not count.
Tensor label_loss(const Tensor& logits, const Tensor& labels, int64_t ignored, const ProcessGroup& group = {});

/// |p - t| / deviation over pixels with t > 0, metres and truth [B, H, W]. `berhu`: reverse Huber (Laina et al. 2016): errors e
/// above c, a fifth of the largest error of the batch, count as (e^2 + c^2) / 2c.
Tensor depth_loss(const Tensor& metres, const Tensor& truth, double deviation, bool berhu,
                  const ProcessGroup& group = {});

}  // namespace fourm
