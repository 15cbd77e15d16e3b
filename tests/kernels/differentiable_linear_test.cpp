// The product of training against LibTorch's: values and gradients.
#include "fourm/kernels/cpu/differentiable_linear.h"

#include "fourm/kernels/precision_scope.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;

struct Result {
  Tensor y, x, weight, bias;  // the output, and the gradients
};

Result run(bool ours, at::IntArrayRef shape, at::ScalarType type, bool with_bias) {
  Tensor x = wave(shape, 2.1).to(type).requires_grad_(), weight = (wave({40, shape.back()}, 0.7) * 0.2).to(type);
  weight.requires_grad_();
  Tensor bias = with_bias ? wave({40}, 1.3).to(type).requires_grad_() : Tensor();
  const Tensor y = ours ? differentiable_linear(x, weight, bias) : at::linear(x, weight, bias);
  (y * y).sum().backward();
  return {y.detach(), x.grad(), weight.grad(), with_bias ? bias.grad() : at::zeros({1})};
}

TEST(DifferentiableLinear, ValuesAndGradientsEqualPlainMultiplications) {
  const auto expect = [](const Tensor& found, const Tensor& wanted, const char* name) {
    EXPECT_EQ(found.sizes(), wanted.sizes()) << name;
    EXPECT_LE(test::largest_difference(found, wanted), 5e-6 * wanted.abs().max().item<double>()) << name;
  };
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{301, 70}, {3, 5, 48}, {1, 16}})
    for (const bool with_bias : {false, true}) {
      const Result ours = run(true, shape, at::kFloat, with_bias), plain = run(false, shape, at::kDouble, with_bias);
      expect(ours.y, plain.y, "y");
      expect(ours.x, plain.x, "gradient of x");
      expect(ours.weight, plain.weight, "gradient of the weight");
      if (with_bias) expect(ours.bias, plain.bias, "gradient of the bias");
    }
}

TEST(DifferentiableLinear, TransposedInputsAndFrozenWeights) {
  Tensor wide = wave({64, 30}, 2.1).requires_grad_();
  const Tensor weight = wave({8, 64}, 0.7);
  const Tensor y = differentiable_linear(wide.t(), weight, {});
  EXPECT_LE(test::largest_difference(y, at::linear(wide.t(), weight)), 2e-5);
  y.sum().backward();
  EXPECT_LE(test::largest_difference(wide.grad(), weight.sum(0).unsqueeze(1).expand({64, 30})), 2e-5);
}

TEST(DifferentiableLinear, NarrowScopesAndNoRowsStayWithLibTorch) {
  Tensor weight = wave({8, 16}, 0.7).requires_grad_();
  {
    const PrecisionScope scope(Precision::kBf16);
    EXPECT_EQ(differentiable_linear(wave({3, 16}, 2.1), weight, {}).scalar_type(), at::kBFloat16);
  }
  EXPECT_EQ(differentiable_linear(at::empty({0, 16}), weight, {}).sizes(), at::IntArrayRef({0, 8}));
}

}  // namespace
}  // namespace fourm
