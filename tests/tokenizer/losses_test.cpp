#include "fourm/tokenizer/losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/error.h"

namespace fourm {
namespace {

double loss(const std::string& name, const Tensor& output, const Tensor& target) {
  return reconstruction_loss(name, output, target).item<double>();
}

TEST(ReconstructionLoss, EqualsItsFormula) {
  const Tensor x = at::tensor({3.0, -1.0, 0.5, 0.0}).view({1, 2, 1, 2}),
               y = at::tensor({1.0, -1.0, 0.0, 0.0}).view_as(x);
  EXPECT_NEAR(loss("mse", x, y), (4 + 0.25) / 4, 1e-12);
  EXPECT_NEAR(loss("l1", x, y), 2.5 / 4, 1e-12);
  EXPECT_NEAR(loss("smooth_l1", x, y), (2 - 0.5 + 0.25 / 2) / 4, 1e-12);
  // Over space: (3, -1) with (1, -1), and (0.5, 0) with nothing. Over channels: (3, 0.5) with (1, 0), (-1, 0) with itself.
  EXPECT_NEAR(loss("cosine", x, y), 1 - 4 / std::sqrt(20) / 2, 1e-12);
  EXPECT_NEAR(loss("cosine_1d", x, y), 1 - (3 / std::sqrt(9.25) + 1) / 2, 1e-12);
  const Tensor classes = at::tensor({0, 1}, at::kLong).view({1, 1, 2});
  EXPECT_NEAR(loss("cross_entropy", x, classes), (std::log1p(std::exp(-2.5)) + std::log1p(std::exp(-1))) / 2, 1e-12);
  EXPECT_THROW(loss("l2", x, y), Error);
}

// What stands at unknown pixels changes no loss, and the mean is over the others.
TEST(ReconstructionLoss, OnlyKnownPixelsCount) {
  const auto random = [](at::IntArrayRef shape) { return at::rand(shape, at::kDouble); };
  const Tensor x = random({2, 3, 4, 4}), y = random({2, 3, 4, 4}), other = random({2, 3, 4, 2});
  Tensor known = at::ones({2, 1, 4, 4}, at::kBool);
  known.slice(3, 2, 4).fill_(false);  // the right half
  Tensor changed = x.clone();
  changed.slice(3, 2, 4).copy_(other);
  const auto left = [](const Tensor& t) { return t.slice(-1, 0, 2); };
  for (const char* name : {"mse", "l1", "smooth_l1", "cosine", "cosine_1d", "binary_cross_entropy"}) {
    const double expected = loss(name, left(x), left(y));
    EXPECT_NEAR(reconstruction_loss(name, x, y, known).item<double>(), expected, 1e-9) << name;
    EXPECT_NEAR(reconstruction_loss(name, changed, y, known).item<double>(), expected, 1e-9) << name;
    EXPECT_EQ(reconstruction_loss(name, x, y, at::zeros_like(known)).item<double>(), 0) << name;
    Tensor first = known.clone();
    first[1].fill_(false);  // nothing of the second image is known
    EXPECT_NEAR(reconstruction_loss(name, x, y, first).item<double>(),
                loss(name, left(x.slice(0, 0, 1)), left(y.slice(0, 0, 1))), 1e-9)
        << name;
  }
  const Tensor classes = at::randint(3, {2, 4, 4}, at::kLong);
  EXPECT_NEAR(reconstruction_loss("cross_entropy", changed, classes, known).item<double>(),
              loss("cross_entropy", left(x), left(classes)), 1e-9);
}

// A mask's logits are squashed to -1..1, and taken for logits again.
TEST(ReconstructionLoss, MasksAreSquashedTwice) {
  for (const double x : {-4.0, -0.3, 0.0, 2.0}) {
    const double again = 2 / (1 + std::exp(-x)) - 1;
    EXPECT_NEAR(loss("binary_cross_entropy", at::tensor({x}), at::tensor({1.0})), std::log1p(std::exp(-again)), 1e-12);
    EXPECT_NEAR(loss("binary_cross_entropy", at::tensor({x}), at::tensor({0.0})), std::log1p(std::exp(again)), 1e-12);
  }
}

}  // namespace
}  // namespace fourm
