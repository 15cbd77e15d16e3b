#include "fourm/kernels/aten/gated_product.h"

#include <torch/csrc/autograd/custom_function.h>

#include "fourm/core/error.h"
#include "fourm/kernels/aten/aten_kernels.h"

namespace fourm {
namespace {

Tensor activation_backward(Epilogue::Kind activation, const Tensor& grad, const Tensor& gate, const Tensor& activated) {
  switch (activation) {
    case Epilogue::kSilu: return at::silu_backward(grad, gate);
    case Epilogue::kGelu: return at::gelu_backward(grad, gate);
    default: return at::tanh_backward(grad, activated);
  }
}

struct GatedProduct : torch::autograd::Function<GatedProduct> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& gate, const Tensor& x,
                        Epilogue::Kind activation) {
    context->save_for_backward({gate, x});
    context->saved_data["activation"] = static_cast<int64_t>(activation);
    return fourm::apply({activation, {}}, gate) * x;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor &gate = saved[0], &x = saved[1], &grad = grads[0];
    const auto activation = static_cast<Epilogue::Kind>(context->saved_data["activation"].toInt());
    const Tensor activated = fourm::apply({activation, {}}, gate);
    return {activation_backward(activation, grad * x, gate, activated), grad * activated, {}};
  }
};

}  // namespace

Tensor gated_product(const Tensor& gate, const Tensor& x, Epilogue::Kind activation) {
  check(activation == Epilogue::kSilu || activation == Epilogue::kGelu || activation == Epilogue::kTanh,
        "[gated_product] the operation is no activation");
  return GatedProduct::apply(gate, x, activation);
}

}  // namespace fourm
