// Schedules against the original's tables, with our rule for steps that are not positive: the running count stops at n and
// empty steps are dropped.
#include "fourm/generate/schedule.h"

#include <algorithm>
#include <numeric>

#include "tests/support/schedule_tables.h"

namespace fourm {
namespace {

using Integers = std::vector<int64_t>;

Integers positive_part(const Integers& tokens, int64_t n) {
  Integers kept;
  int64_t done = 0;
  for (const int64_t t : tokens) {
    const int64_t count = std::min(t, n - done);
    if (count <= 0) continue;
    kept.push_back(count);
    done += count;
  }
  return kept;
}

TEST(Schedule, TokensEqualTheTables) {
  FOURM_NEEDS_TABLES;
  for (const auto& row : test::tables()["token_schedules"]) {
    const auto n = row["total"].get<int64_t>(), k = row["steps"].get<int64_t>();
    EXPECT_EQ(cosine_tokens(n, k), positive_part(row["cosine"].get<Integers>(), n)) << n << " in " << k;
    EXPECT_EQ(linear_tokens(n, k), row["linear"].get<Integers>()) << n << " in " << k;
  }
}

TEST(Schedule, EveryScheduleIsPositiveAndComplete) {
  for (int64_t n = 1; n < 300; n += 7)
    for (int64_t k = 1; k < 120; k += 3)
      for (const auto& tokens : {cosine_tokens(n, k), linear_tokens(n, k)}) {
        EXPECT_EQ(std::accumulate(tokens.begin(), tokens.end(), int64_t{0}), n);
        EXPECT_GT(*std::min_element(tokens.begin(), tokens.end()), 0);
        EXPECT_LE(static_cast<int64_t>(tokens.size()), k);
      }
}

TEST(Schedule, TemperaturesEqualTheTables) {
  FOURM_NEEDS_TABLES;
  for (const auto& row : test::tables()["temperature_schedules"]) {
    const auto tokens = row["tokens"].get<Integers>();
    if (*std::min_element(tokens.begin(), tokens.end()) <= 0) continue;
    for (const auto& [kind, values] : row.items()) {
      if (kind != "constant" && kind != "linear" && !kind.starts_with("onex")) continue;
      const auto found = temperatures(kind, row["temperature"].get<double>(), tokens);
      ASSERT_EQ(found.size(), values.size());
      for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], values[i].get<double>(), 1e-6) << kind;
    }
  }
}

// A negative power rises from 0 to 1 (the minimum is moved to 0, the maximum scaled to 1).
TEST(Schedule, ANegativePowerRises) {
  const auto found = temperatures("onex:0.5:-1", 2, {1, 1, 2});
  EXPECT_NEAR(found[0], 0.5, 1e-9);
  EXPECT_NEAR(found[1], 0.5 + 1.5 * (1.0 / 3) * 0.5, 1e-9);
}

TEST(Schedule, ContinuesAfterKnownTokens) {
  FOURM_NEEDS_TABLES;
  for (const auto& row : test::tables()["continue_schedule"]) {
    const auto tokens = row["tokens"].get<Integers>();
    int64_t later = std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
    int64_t missing = later - row["already"].get<int64_t>();
    Integers rest;
    for (const int64_t count : tokens) {
      const int64_t now = remaining_tokens(count, later -= count, missing);
      missing -= now;
      if (now > 0) rest.push_back(now);
    }
    EXPECT_EQ(rest, row["result"].get<Integers>());
  }
}

}  // namespace
}  // namespace fourm
