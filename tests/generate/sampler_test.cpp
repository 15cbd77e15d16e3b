#include "fourm/generate/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/support/message_of.h"
#include "tests/support/schedule_tables.h"

namespace fourm {
namespace {

using Ids = std::vector<int64_t>;

const std::vector<float> kLogits{1, 3, 2, 3, 0};

Ids kept(const Filter& filter) { return kept_tokens(kLogits.data(), static_cast<int64_t>(kLogits.size()), filter); }

Drawn drawn(double temperature, const Filter& filter, Random* random) {
  return draw_token(kLogits.data(), static_cast<int64_t>(kLogits.size()), temperature, filter, random);
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
  for (const float logit : kLogits) total += std::exp(logit);
  EXPECT_NEAR(best.confidence, std::exp(3.0) / total, 1e-6);
}

TEST(DrawToken, ALongRowOfEqualLogitsIsDrawnEvenly) {
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
  EXPECT_EQ(kept({.top_p = 1e-9}), (Ids{1})) << "of equal logits the first";
  EXPECT_EQ(kept({.top_p = 0.5}), (Ids{1, 3}));
  EXPECT_EQ(kept({.top_p = 1}), (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(kept({.top_k = 3, .top_p = 0.99}), (Ids{1, 2, 3})) << "the probability is that of all tokens kept by rank";
}

TEST(KeptTokens, AShareThatKeepsNothingIsRefused) {
  EXPECT_EQ(test::message_of([] { kept({.top_k_share = 0.1}); }), "top_k_share 0.1 keeps none of 5 tokens");
  EXPECT_NE(test::message_of([] { kept({.top_k = 2, .top_k_share = 0.5}); }).find("give one of"), std::string::npos);
}

Filter filter_of(const Json& row) {
  Filter filter;
  if (row["top_k"].is_number_float())
    filter.top_k_share = row["top_k"].get<double>();
  else
    filter.top_k = row["top_k"].get<int64_t>();
  filter.top_p = row["top_p"].get<double>();
  return filter;
}

TEST(Sampler, FiltersKeepWhatTheOriginalKeeps) {
  FOURM_NEEDS_TABLES;
  const Json& all = test::tables();
  const auto logits = all["filter_logits"].get<std::vector<std::vector<float>>>();
  for (const auto& row : all["filtering"]) {
    if (row.contains("error")) {
      EXPECT_THROW(kept_tokens(logits[0].data(), static_cast<int64_t>(logits[0].size()), filter_of(row)), Error);
      continue;
    }
    for (size_t i = 0; i < logits.size(); ++i)
      EXPECT_EQ(kept_tokens(logits[i].data(), static_cast<int64_t>(logits[i].size()), filter_of(row)),
                row["kept"][i].get<Ids>())
          << row.dump();
  }
}

TEST(Sampler, DrawsFollowTheFilteredDistribution) {
  FOURM_NEEDS_TABLES;
  const Json& all = test::tables();
  const auto logits = all["filter_logits"].get<std::vector<std::vector<float>>>();
  constexpr int kDraws = 20000;
  for (const auto& row : all["filtered_probs"])
    for (size_t i = 0; i < row["probs"].size(); ++i) {
      const auto expected = row["probs"][i].get<std::vector<double>>();
      std::vector<int> counts(expected.size());
      for (int d = 0; d < kDraws; ++d) {
        Random random(11, {i, static_cast<uint64_t>(d)});
        const Drawn drawn = draw_token(logits[i].data(), static_cast<int64_t>(expected.size()),
                                       row["temperature"].get<double>(), filter_of(row), &random);
        EXPECT_NEAR(drawn.confidence, expected[drawn.token], 1e-5);
        ++counts[drawn.token];
      }
      for (size_t v = 0; v < expected.size();
           ++v) {  // five standard deviations; a rare token may still come once or twice
        const double deviation = std::sqrt(expected[v] * (1 - expected[v]) / kDraws);
        EXPECT_NEAR(counts[v] / static_cast<double>(kDraws), expected[v], 5 * deviation + 3.0 / kDraws);
      }
    }
}

// Draft tokens are accepted often only then (generate/sequence.h), and precisions can be compared with the same seed.
TEST(Sampler, NearlyTheSameLogitsDrawTheSameToken) {
  constexpr int64_t kVocabulary = 2000;
  constexpr int kDraws = 300;
  std::vector<float> logits(kVocabulary), near(kVocabulary);
  int same = 0;
  for (uint64_t d = 0; d < kDraws; ++d) {
    Random noise(5, {d});
    for (int64_t i = 0; i < kVocabulary; ++i) {
      logits[i] = static_cast<float>(noise.normal());
      near[i] = logits[i] + 0.01f * static_cast<float>(noise.normal());
    }
    Random one(3, {d}), other(3, {d});
    same += draw_token(logits.data(), kVocabulary, 1, {}, &one).token ==
            draw_token(near.data(), kVocabulary, 1, {}, &other).token;
  }
  EXPECT_GE(same, 0.95 * kDraws);
}

// Powers of two keep the closed form short: 2^(i / temperature), over their sum.
TEST(Sampler, ConfidenceIsTheTemperedProbability) {
  const float logits[] = {0, std::log(2.0f), std::log(4.0f), std::log(8.0f)};
  for (const double temperature : {0.5, 1.0, 2.0})
    for (const int64_t kept : {4, 2}) {
      Filter filter;
      filter.top_k = kept;
      double total = 0;
      for (int64_t i = 4 - kept; i < 4; ++i) total += std::exp2(i / temperature);
      const Drawn best = draw_token(logits, 4, temperature, filter, nullptr);
      EXPECT_EQ(best.token, 3);
      EXPECT_NEAR(best.confidence, std::exp2(3 / temperature) / total, 1e-6) << temperature;
      for (uint64_t d = 0; d < 50; ++d) {
        Random random(3, {d});
        const Drawn drawn = draw_token(logits, 4, temperature, filter, &random);
        EXPECT_GE(drawn.token, 4 - kept);
        EXPECT_NEAR(drawn.confidence, std::exp2(static_cast<double>(drawn.token) / temperature) / total, 1e-6);
      }
    }
}

}  // namespace
}  // namespace fourm
