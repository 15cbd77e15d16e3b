#include "fourm/tokenizer/losses.h"

#include "fourm/core/error.h"

namespace fourm {
namespace {

// The mean of the losses that `known` marks, of all without it: over those of all processes.
Tensor known_mean(const Tensor& losses, const Tensor& known, const ProcessGroup& group) {
  if (!known.defined() && group.size() == 1) return losses.mean();
  const Tensor counted = known.defined() ? known.expand_as(losses) : Tensor();
  const Tensor sum = known.defined() ? losses.masked_fill(counted.logical_not(), 0).sum() : losses.sum();
  const Tensor count =
      known.defined() ? counted.sum() : at::full({}, losses.numel(), losses.options().dtype(at::kLong));
  group.all_reduce(count);
  return sum / count.clamp_min(1);
}

// Of each channel over the known pixels, [B, C].
Tensor cosine_over_space(const Tensor& output, const Tensor& target, const Tensor& known) {
  const auto seen = [&](const Tensor& x) { return (known.defined() ? x * known : x).flatten(2); };
  return at::cosine_similarity(seen(output), seen(target), 2);
}

}  // namespace

Tensor reconstruction_loss(const std::string& name, const Tensor& output, const Tensor& target, const Tensor& known,
                           const ProcessGroup& group) {
  const auto each = known.defined() || group.size() > 1 ? at::Reduction::None : at::Reduction::Mean;
  const Tensor planes = known.defined() ? known.squeeze(1) : known;               // [B, H, W]
  const Tensor images = known.defined() ? known.flatten(1).any(1, true) : known;  // [B, 1]
  if (name == "mse") return known_mean(at::mse_loss(output, target, each), known, group);
  if (name == "l1") return known_mean(at::l1_loss(output, target, each), known, group);
  if (name == "smooth_l1") return known_mean(at::smooth_l1_loss(output, target, each), known, group);
  if (name == "cross_entropy") return known_mean(at::cross_entropy_loss(output, target, {}, each), planes, group);
  if (name == "cosine") return known_mean(1 - cosine_over_space(output, target, known), images, group);
  if (name == "cosine_1d") return known_mean(1 - at::cosine_similarity(output, target, 1), planes, group);
  if (name == "binary_cross_entropy") {
    const Tensor squashed = 2 * output.sigmoid() - 1;
    return known_mean(at::binary_cross_entropy_with_logits(squashed, target, {}, {}, each), known, group);
  }
  fail("the loss '", name, "' is not known; expected mse, l1, smooth_l1, cross_entropy, cosine, cosine_1d or ",
       "binary_cross_entropy");
}

}  // namespace fourm
