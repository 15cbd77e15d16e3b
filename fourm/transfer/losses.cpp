#include "fourm/transfer/losses.h"

namespace fourm {
namespace {

// The number of true values in all processes, at least 1.
Tensor count_of(const Tensor& known, const ProcessGroup& group) {
  const Tensor count = known.sum().to(at::kDouble);
  group.all_reduce(count);
  return count.clamp_min(1).to(at::kFloat);
}

}  // namespace

Tensor label_loss(const Tensor& logits, const Tensor& labels, int64_t ignored, const ProcessGroup& group) {
  const Tensor known = labels != ignored;
  const Tensor own = logits.log_softmax(1).gather(1, at::where(known, labels, 0).unsqueeze(1)).squeeze(1);  // [B, H, W]
  return -(own * known).sum() / count_of(known, group);
}

Tensor depth_loss(const Tensor& metres, const Tensor& truth, double deviation, bool berhu, const ProcessGroup& group) {
  const Tensor known = truth > 0;
  Tensor error = ((metres - truth) / deviation).abs() * known;
  if (berhu) {
    Tensor largest = error.detach().max();
    group.all_reduce_max(largest);
    const Tensor bound = (largest / 5).clamp_min(1e-6);
    error = at::where(error <= bound, error, (error.square() + bound.square()) / (2 * bound));
  }
  return error.sum() / count_of(known, group);
}

}  // namespace fourm
