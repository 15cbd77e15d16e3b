#include "fourm/nn/checkpoint.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "fourm/kernels/precision_scope.h"

namespace fourm {
namespace {

using Block = std::function<Tensor(const std::vector<Tensor>&)>;

// What the backward pass needs besides the inputs.
struct Recomputation : torch::CustomClassHolder {
  Recomputation(Block b, Precision p) : block(std::move(b)), precision(p) {}
  Block block;
  Precision precision;  // of the PrecisionScope in the forward pass
};

struct Checkpoint : torch::autograd::Function<Checkpoint> {
  static Tensor forward(torch::autograd::AutogradContext* context, at::TensorList inputs, const Block& block) {
    const at::DeviceType device = inputs[0].device().type();
    const Precision precision = at::autocast::is_autocast_enabled(device) ? Precision::kBf16 : Precision::kF32;
    context->saved_data["recomputation"] =
        c10::IValue::make_capsule(c10::make_intrusive<Recomputation>(block, precision));
    context->save_for_backward(inputs.vec());
    return block(inputs.vec());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto capsule = context->saved_data["recomputation"].toCapsule();
    const auto& kept = *static_cast<Recomputation*>(capsule.get());
    std::vector<Tensor> inputs;
    for (const Tensor& saved : context->get_saved_variables())
      inputs.push_back(saved.detach().requires_grad_(saved.requires_grad()));
    {
      const at::AutoGradMode with_gradients(true);
      Tensor out;
      {
        const PrecisionScope scope(kept.precision, inputs[0].device());
        out = kept.block(inputs);
      }
      torch::autograd::backward({out}, {grads[0]});
    }
    torch::autograd::variable_list results;
    for (const Tensor& input : inputs) results.push_back(input.grad());
    results.emplace_back();  // of the block
    return results;
  }
};

}  // namespace

Tensor checkpoint(const Block& block, const std::vector<Tensor>& inputs) {
  const bool needed = std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.requires_grad(); });
  if (!c10::GradMode::is_enabled() || !needed) return block(inputs);
  return Checkpoint::apply(at::TensorList(inputs), block);
}

}  // namespace fourm
