#include "fourm/generate/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/support/message_of.h"

namespace fourm {
namespace {

using Ids = std::vector<int64_t>;

const std::vector<float> kScores{1, 3, 2, 3, 0};

Ids kept(const Filter& filter) { return kept_tokens(kScores.data(), static_cast<int64_t>(kScores.size()), filter); }

Drawn drawn(double temperature, const Filter& filter, Random* random) {
  return draw_token(kScores.data(), static_cast<int64_t>(kScores.size()), temperature, filter, random);
}

TEST(DrawToken, TemperatureZeroTakesTheFirstOfTheBest) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    EXPECT_EQ(drawn(0, {}, &random).token, 1);
    EXPECT_EQ(drawn(0, {}, &random).confidence, 1);
  }
}

TEST(DrawToken, WithoutRandomNumbersTheBestTokenKeepsItsProbability) {
  const Drawn best = drawn(1, {}, nullptr);
  EXPECT_EQ(best.token, 1);
  double total = 0;
  for (const float score : kScores) total += std::exp(score);
  EXPECT_NEAR(best.confidence, std::exp(3.0) / total, 1e-6);
}

TEST(DrawToken, ALongRowOfEqualScoresIsDrawnEvenly) {
  const std::vector<float> equal(8, -2.5f);
  std::vector<int> counts(8);
  for (uint64_t d = 0; d < 8000; ++d) {
    Random random(1, {d});
    const Drawn one = draw_token(equal.data(), 8, 0.7, {}, &random);
    EXPECT_NEAR(one.confidence, 0.125, 1e-6);
    ++counts[static_cast<size_t>(one.token)];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000 * 0.875));
}

TEST(DrawToken, OnlyKeptTokensAreDrawn) {
  for (const Filter& filter :
       {Filter{.top_k = 2}, Filter{.top_k = 3}, Filter{.top_p = 0.5}, Filter{.top_k_share = 0.4}}) {
    const Ids ids = kept(filter);
    std::set<int64_t> seen;
    for (uint64_t d = 0; d < 400; ++d) {
      Random random(2, {d});
      seen.insert(drawn(2, filter, &random).token);
    }
    EXPECT_EQ(Ids(seen.begin(), seen.end()), ids);
  }
}

TEST(KeptTokens, TiesAtTheThresholdAllStay) {
  EXPECT_EQ(kept({.top_k = 1}), (Ids{1, 3}));
  EXPECT_EQ(kept({.top_k = 3}), (Ids{1, 2, 3}));
  EXPECT_EQ(kept({.top_k = 9}), (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(kept({.top_k_share = 0.4}), (Ids{1, 3}));
}

TEST(KeptTokens, TopPKeepsTheTokenThatPassesItAndAtLeastOne) {
  EXPECT_EQ(kept({.top_p = 1e-9}), (Ids{1})) << "of equal scores the first";
  EXPECT_EQ(kept({.top_p = 0.5}), (Ids{1, 3}));
  EXPECT_EQ(kept({.top_p = 1}), (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(kept({.top_k = 3, .top_p = 0.99}), (Ids{1, 2, 3})) << "the probability is that of all tokens kept by rank";
}

TEST(KeptTokens, AShareThatKeepsNothingIsRefused) {
  EXPECT_EQ(test::message_of([] { kept({.top_k_share = 0.1}); }), "top_k_share 0.1 keeps none of 5 tokens");
  EXPECT_NE(test::message_of([] { kept({.top_k = 2, .top_k_share = 0.5}); }).find("give one of"), std::string::npos);
}

}  // namespace
}  // namespace fourm
