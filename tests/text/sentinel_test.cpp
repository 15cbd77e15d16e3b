#include "fourm/text/sentinel.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fourm/core/error.h"

namespace fourm {
namespace {

using Ids = std::vector<int64_t>;
constexpr SentinelRange kMany{4, 200};
constexpr SentinelRange kFew{4, 6};

std::vector<int64_t> random_ids(Random& random, int64_t n) {
  Ids ids(n);
  for (auto& id : ids) id = 1000 + random.below(50);
  return ids;
}

std::vector<bool> random_flags(Random& random, int64_t n, double p) {
  std::vector<bool> keep(n);
  for (int64_t i = 0; i < n; ++i) keep[i] = random.chance(p);
  return keep;
}

TEST(Spans, EachMaskedRunIsOneSentinel) {
  const auto [input, target] = mask_spans({10, 11, 12, 13, 14, 15}, {true, false, false, true, false, true}, kFew);
  EXPECT_EQ(input, (Ids{10, 5, 13, 6, 15}));
  EXPECT_EQ(target, (Ids{5, 11, 12, 6, 14, 7}));
}

TEST(Spans, NothingAndEverythingMasked) {
  EXPECT_EQ(mask_spans({10, 11}, {true, true}, kFew).input, (Ids{10, 11}));
  EXPECT_EQ(mask_spans({10, 11}, {true, true}, kFew).target, (Ids{5}));
  EXPECT_EQ(mask_spans({10, 11}, {false, false}, kFew).input, (Ids{5}));
  EXPECT_EQ(mask_spans({10, 11}, {false, false}, kFew).target, (Ids{5, 10, 11, 6}));
  EXPECT_EQ(mask_spans({}, {}, kFew).target, (Ids{5}));
}

TEST(Spans, MergingUndoesMasking) {
  Random random(11);
  for (int round = 0; round < 3000; ++round) {
    const int64_t n = random.below(60);
    const Ids ids = random_ids(random, n);
    const auto keep = random_flags(random, n, random.uniform());
    const SentinelRange sentinels{4, random.between(3, 40)};
    const auto [input, target] = mask_spans(ids, keep, sentinels);
    EXPECT_EQ(merge_spans(input, target, sentinels), ids);
    EXPECT_TRUE(sentinels.contains(target.front()));
    EXPECT_TRUE(sentinels.contains(target.back()));
    // Every id is on one side only, and the sentinels count up from [S_1] on both.
    int64_t ordinary = 0;
    const auto count_up = [&](const Ids& side) {
      int64_t next = sentinels.first + 1;
      for (const int64_t id : side) {
        const bool in_order = !sentinels.contains(id) || id == next;
        EXPECT_TRUE(in_order) << id;
        (sentinels.contains(id) ? next : ordinary) += 1;
      }
      return next;
    };
    const int64_t next_input = count_up(input), next_target = count_up(target);
    EXPECT_EQ(ordinary, n);
    EXPECT_EQ(next_target, next_input + 1);
  }
}

TEST(Spans, BadArgumentsAreNamed) {
  EXPECT_THROW(mask_spans({1, 2}, {true}, kFew), Error);
  EXPECT_THROW(mask_spans({1}, {true}, {4, 2}), Error);
}

TEST(Spans, MergingOutputOfAModelThatWandered) {
  EXPECT_EQ(merge_spans({10, 5, 11, 6}, {99, 5, 1, 6, 2, 5, 3, 7, 8}, kFew), (Ids{10, 1, 3, 11, 2}));
  EXPECT_EQ(merge_spans({10, 9, 11}, {5, 1}, kFew), (Ids{10, 11})) << "a sentinel without an answer vanishes";
  EXPECT_EQ(merge_spans({10}, {5, 1, 6}, kFew), (Ids{10})) << "nothing was asked for";
  EXPECT_EQ(merge_spans({5}, {5, 1, 3, 6}, kFew), (Ids{1, 3})) << "[EOS] stays";
  EXPECT_EQ(merge_spans({}, {}, kFew), Ids{});
}

TEST(Spans, CutTargetsBeginAtASentinelAndFit) {
  Random random(5);
  for (int round = 0; round < 3000; ++round) {
    const int64_t n = random.between(1, 60);
    const auto target = mask_spans(random_ids(random, n), random_flags(random, n, random.uniform()), kMany).target;
    const int64_t budget = random.below(40);
    const Ids cut = cut_target(target, budget, kMany, random);
    const auto size = static_cast<int64_t>(target.size());
    EXPECT_LE(static_cast<int64_t>(cut.size()), budget < size ? budget : size);
    if (budget >= size) {
      EXPECT_EQ(cut, target);
    }
    if (budget == 0) {
      EXPECT_TRUE(cut.empty());
      continue;
    }
    ASSERT_FALSE(cut.empty());
    EXPECT_TRUE(kMany.contains(cut[0]));
    const auto at = std::search(target.begin(), target.end(), cut.begin(), cut.end());
    ASSERT_NE(at, target.end()) << "one stretch of the target";
    // Shorter than the budget only as a suffix, and then no earlier sentinel would have fitted.
    if (static_cast<int64_t>(cut.size()) < std::min(budget, size)) {
      EXPECT_EQ(at + cut.size(), target.end());
      for (auto s = target.begin(); s != at; ++s) EXPECT_TRUE(!kMany.contains(*s) || target.end() - s > budget);
    }
  }
}

}  // namespace
}  // namespace fourm
