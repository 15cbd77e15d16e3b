#include "fourm/experiments/spread.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/error.h"

namespace fourm {
namespace {

TEST(SpreadOf, IsThatOfASample) {
  const Spread spread = spread_of({1, 2, 3, 4});
  EXPECT_DOUBLE_EQ(spread.mean, 2.5);
  EXPECT_DOUBLE_EQ(spread.deviation, std::sqrt(5.0 / 3));
  EXPECT_NEAR(spread.half_width, 3.182 * spread.deviation / 2, 1e-12) << "three degrees of freedom";
  EXPECT_EQ(spread_of({7}).deviation, 0);
  EXPECT_EQ(spread_of({7}).half_width, 0);
  EXPECT_THROW(spread_of({}), Error);
}

// scipy.stats.t.ppf(0.975, 40) = 2.0211.
TEST(SpreadOf, ManyValuesHaveQuantilesNearThoseOfStudentsT) {
  std::vector<double> values(41, 0.0);
  values[0] = 41;
  const Spread spread = spread_of(values);
  EXPECT_NEAR(spread.half_width * std::sqrt(41.0) / spread.deviation, 2.0211, 2e-4);
}

TEST(WithInterval, OfOneValueThereIsNone) {
  EXPECT_EQ(with_interval({0.25}, 2), "0.25");
  EXPECT_EQ(with_interval({0.4, 0.6}, 3), "0.500 ± 1.271");
}

}  // namespace
}  // namespace fourm
