#include "fourm/model/cross_entropy.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/kernels/operation_count.h"
#include "fourm/kernels/precision_scope.h"

namespace fourm {
namespace {

constexpr int64_t kLargeLogits = int64_t{1} << 25;  // 128 MiB in float32

struct SlicedCrossEntropy : torch::autograd::Function<SlicedCrossEntropy> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& targets, int64_t rows, at::ScalarType type, bool for_x, bool for_weight) {
    const c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::autocast_dispatch_keyset);
    const double share = 1 / static_cast<double>(x.size(0));
    count_operations("fourm::cross_entropy", 2.0 * static_cast<double>(x.numel() * weight.size(0)));
    const Tensor w = as_type(weight, type), in = as_type(x, type);
    Tensor loss = at::zeros({}, x.options().dtype(at::kFloat)), dx, dw;
    if (for_x) dx = at::empty(x.sizes(), x.options());
    if (for_weight) dw = at::zeros(weight.sizes(), weight.options());
    for (int64_t i = 0; i < x.size(0); i += rows) {
      const Tensor some = in.slice(0, i, i + rows), target = targets.slice(0, i, i + rows).unsqueeze(1);
      Tensor logits = at::mm(some, w.t()).to(at::kFloat);
      const Tensor normaliser = at::logsumexp(logits, {1}, /*keepdim=*/true);
      loss.add_((normaliser - logits.gather(1, target)).sum(), share);
      if (!for_x && !for_weight) continue;
      // The gradient with respect to the logits: probabilities, less 1 for the target.
      Tensor gradient = logits.sub_(normaliser).exp_();
      gradient.scatter_add_(1, target, at::full({1, 1}, -1.0, gradient.options()).expand(target.sizes()));
      gradient = gradient.mul_(share).to(type);
      if (for_x) dx.slice(0, i, i + rows).copy_(at::mm(gradient, w));
      if (for_weight) dw.add_(at::mm(gradient.t(), some));
    }
    context->save_for_backward({dx, dw});
    return loss;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const auto scaled = [&](const Tensor& gradient) {
      return gradient.defined() ? gradient * grads[0].to(gradient.scalar_type()) : Tensor();
    };
    return {scaled(saved[0]), scaled(saved[1]), {}, {}, {}, {}, {}};
  }
};

}  // namespace

Tensor sliced_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets, int64_t rows) {
  const bool gradients = c10::GradMode::is_enabled();
  return SlicedCrossEntropy::apply(x, weight, targets, rows, multiplication_type(x), gradients && x.requires_grad(),
                                   gradients && weight.requires_grad());
}

Tensor cross_entropy(const Linear& head, const Tensor& x, const Tensor& targets) {
  check(!head.bias.defined(), "[cross_entropy] the head has a bias");
  const int64_t vocabulary = head.weight.size(0);
  if (x.size(0) * vocabulary > kLargeLogits)
    return sliced_cross_entropy(x, head.weight, targets, std::max<int64_t>(1, kLargeLogits / 2 / vocabulary));
  Tensor logits = head(x);
  if (logits.scalar_type() == at::kBFloat16) logits = logits.to(at::kFloat);
  return at::cross_entropy_loss(logits, targets);
}

}  // namespace fourm
