#include "fourm/data/budget.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace fourm {
namespace {

int64_t sum(const std::vector<int64_t>& parts) { return std::accumulate(parts.begin(), parts.end(), int64_t{0}); }

// E[part_i] = n alpha_i / sum(alpha), Var[share_i] = a_i (A - a_i) / (A^2 (A + 1)).
TEST(Budget, MeanAndSpreadMatchTheClosedForm) {
  const int draws = 40000;
  for (const auto& alphas : std::vector<std::vector<double>>{
           {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}, {0.01, 0.01, 0.01}, {5, 0.05, 0.05, 0}, {1000, 1, 0.2}, {10, 10}}) {
    const int64_t n = 100;
    const double total = std::accumulate(alphas.begin(), alphas.end(), 0.0);
    std::vector<double> means(alphas.size(), 0), squares(alphas.size(), 0);
    for (int d = 0; d < draws; ++d) {
      Random random(1, {static_cast<uint64_t>(d)});
      const auto parts = BudgetShares(alphas, random).split(n, std::vector<int64_t>(alphas.size(), n), random);
      ASSERT_EQ(sum(parts), n);
      for (size_t i = 0; i < alphas.size(); ++i) {
        means[i] += static_cast<double>(parts[i]) / draws;
        squares[i] += std::pow(static_cast<double>(parts[i]) / n, 2) / draws;
      }
    }
    for (size_t i = 0; i < alphas.size(); ++i) {
      const double share = alphas[i] / total, variance = share * (1 - share) / (total + 1);
      const double error = n * std::sqrt((variance + 0.25 / (n * n)) / draws);
      EXPECT_NEAR(means[i], n * share, 4.5 * error + 1e-12) << "alpha " << alphas[i] << " of " << total;
      EXPECT_NEAR(squares[i] - std::pow(means[i] / n, 2), variance, 0.15 * variance + 0.3 / (n * n));
    }
  }
}

TEST(Budget, FullWheneverThereIsRoom) {
  for (uint64_t d = 0; d < 20000; ++d) {
    Random random(2, {d});
    std::vector<double> alphas;
    std::vector<int64_t> room;
    int64_t usable = 0;
    for (int64_t i = random.between(1, 8); i > 0; --i) {
      alphas.push_back(std::vector<double>{0, 0.01, 0.5, 10, 1000}[random.below(5)]);
      room.push_back(random.chance(0.2) ? 0 : random.between(0, 100));
      if (alphas.back() > 0) usable += room.back();
    }
    const int64_t tokens = random.between(0, 300);
    const BudgetShares shares(alphas, random);
    const auto parts = shares.split(tokens, room, random);
    ASSERT_EQ(sum(parts), std::min(tokens, usable));
    const auto lossy = shares.split(tokens, room, random, /*redistribute=*/false);
    for (size_t i = 0; i < parts.size(); ++i) {
      ASSERT_GE(parts[i], 0);
      ASSERT_LE(parts[i], room[i]);
      ASSERT_LE(lossy[i], room[i]);
      ASSERT_TRUE(alphas[i] > 0 || (parts[i] == 0 && lossy[i] == 0));
    }
    ASSERT_LE(sum(lossy), sum(parts));
  }
}

TEST(Budget, ClampingAloneLosesWideMixtures) {
  // One dominant modality with few tokens, as in the caption-biased component of the 21-modality mixture.
  std::vector<double> alphas(20, 0.05);
  alphas[0] = 5;
  std::vector<int64_t> room(20, 196);
  room[0] = 77;
  int64_t full = 0, lossy = 0;
  for (uint64_t d = 0; d < 2000; ++d) {
    Random random(3, {d});
    const BudgetShares shares(alphas, random);
    full += sum(shares.split(256, room, random));
    lossy += sum(shares.split(256, room, random, false));
  }
  EXPECT_EQ(full, 2000 * 256);
  EXPECT_LT(lossy, full / 2);
}

}  // namespace
}  // namespace fourm
