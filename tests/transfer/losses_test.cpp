// Losses of maps against their definitions, and as shares of several processes.
#include "fourm/transfer/losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/ranks.h"

namespace fourm {
namespace {

Tensor logits() { return at::arange(2 * 3 * 2 * 2, at::kFloat).view({2, 3, 2, 2}).remainder(5); }
Tensor labels() { return at::tensor({0, 1, 2, 255, 255, 2, 1, 0}, at::kLong).view({2, 2, 2}); }

TEST(LabelLoss, IsTheMeanOverKnownPixels) {
  const Tensor x = logits().to(at::kDouble);
  double sum = 0;
  int count = 0;
  for (int b = 0; b < 2; ++b)
    for (int p = 0; p < 4; ++p) {
      const int64_t label = labels()[b].flatten()[p].item<int64_t>();
      if (label == 255) continue;
      double total = 0;
      for (int c = 0; c < 3; ++c) total += std::exp(x[b][c].flatten()[p].item<double>());
      sum += std::log(total) - x[b][label].flatten()[p].item<double>();
      ++count;
    }
  EXPECT_NEAR(label_loss(logits(), labels(), 255).item<double>(), sum / count, 1e-5);
  EXPECT_EQ(label_loss(logits(), at::full({2, 2, 2}, 255, at::kLong), 255).item<double>(), 0);
}

TEST(DepthLoss, FollowsItsDefinition) {
  const Tensor metres = at::tensor({1.0, 2.0, 3.0, 9.0}).view({1, 2, 2}).to(at::kFloat);
  const Tensor truth = at::tensor({1.5, 2.0, 1.0, 0.0}).view({1, 2, 2}).to(at::kFloat);
  // Errors 0.25, 0 and 1 in deviations of 2 m; the largest is 1, the bound 0.2.
  const auto huber = [](double e) { return (e * e + 0.04) / 0.4; };
  EXPECT_NEAR(depth_loss(metres, truth, 2, true).item<double>(), (huber(0.25) + huber(1)) / 3, 1e-6);
  EXPECT_NEAR(depth_loss(metres, truth, 2, false).item<double>(), 1.25 / 3, 1e-6);
  EXPECT_EQ(depth_loss(metres, at::zeros({1, 2, 2}), 2, true).item<double>(), 0);
}

TEST(MapLosses, SharesOfProcessesSumToTheWhole) {
  const Tensor metres = at::tensor({1.0, 2.0, 3.0, 9.0, 1.0, 0.5, 2.0, 7.0}).view({2, 2, 2}).to(at::kFloat);
  const Tensor truth = at::tensor({1.5, 2.0, 1.0, 0.0, 3.0, 0.0, 0.0, 0.0}).view({2, 2, 2}).to(at::kFloat);
  const double whole = depth_loss(metres, truth, 1.5, true).item<double>();
  const double labelled = label_loss(logits(), labels(), 255).item<double>();
  test::in_ranks(2, [&](const ProcessGroup& group) {
    const int64_t r = group.rank();
    const Tensor depth = depth_loss(metres.slice(0, r, r + 1), truth.slice(0, r, r + 1), 1.5, true, group).clone();
    const Tensor label = label_loss(logits().slice(0, r, r + 1), labels().slice(0, r, r + 1), 255, group).clone();
    group.all_reduce(depth);
    group.all_reduce(label);
    EXPECT_NEAR(depth.item<double>(), whole, 1e-5);
    EXPECT_NEAR(label.item<double>(), labelled, 1e-5);
  });
}

}  // namespace
}  // namespace fourm
