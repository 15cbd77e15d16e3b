// Group normalisation of models that answer against LibTorch's in double.
#include "fourm/kernels/cpu/group_norm.h"

#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;

TEST(GroupNorm, EqualsThePlainSteps) {
  const NoGradGuard no_grad;
  constexpr double kGroupNormEpsilon = 1e-5;
  for (const auto& [channels, groups, side] : {std::tuple{64, 32, 9}, {96, 32, 14}, {40, 8, 1}, {12, 3, 20}}) {
    const Tensor weight = wave({channels}, 0.9) + 1, bias = wave({channels}, 0.4);
    // Far from zero beside how much it varies, as activations can be.
    const Tensor x = wave({2, channels, side, side}, 2.1) + 30 * wave({1, channels, 1, 1}, 1.7);
    for (const Tensor& shift : {Tensor(), wave({1, channels}, 0.8), wave({2, channels}, 0.6)})
      for (const bool then_silu : {false, true}) {
        Tensor expected = x.to(at::kDouble);
        if (shift.defined()) expected = expected + shift.to(at::kDouble).unsqueeze(2).unsqueeze(3);
        expected = at::group_norm(expected, groups, weight.to(at::kDouble), bias.to(at::kDouble), kGroupNormEpsilon);
        if (then_silu) expected = at::silu(expected);
        const Tensor y = cpu_group_norm(x, shift, groups, weight, bias, kGroupNormEpsilon, then_silu);
        EXPECT_LE(test::largest_difference(y, expected), 2e-5) << channels << " " << side << " " << then_silu;
      }
  }
}

TEST(GroupNorm, NotANumberStaysInItsImage) {
  const NoGradGuard no_grad;
  Tensor x = wave({2, 32, 4, 4}, 2.1);
  x[1][3][2][1] = std::nan("");
  const Tensor y = cpu_group_norm(x, {}, 8, at::ones({32}), at::zeros({32}), 1e-5, true);
  EXPECT_TRUE(y[0].isfinite().all().item<bool>());
  EXPECT_TRUE(y[1][3].isnan().all().item<bool>());
}

}  // namespace
}  // namespace fourm
