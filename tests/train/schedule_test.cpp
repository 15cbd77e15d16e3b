#include "fourm/train/schedule.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"

namespace fourm {
namespace {

TEST(Schedule, WarmsUpHoldsAndDecays) {
  const Schedule cosine({.lr = 2, .lr_end = 1, .warmup_steps = 4, .hold_steps = 2}, 16);
  EXPECT_DOUBLE_EQ(cosine(0), 0.5);
  EXPECT_DOUBLE_EQ(cosine(3), 2);
  EXPECT_DOUBLE_EQ(cosine(5), 2);
  EXPECT_DOUBLE_EQ(cosine(6), 2);
  EXPECT_DOUBLE_EQ(cosine(11), 1.5);  // half way
  EXPECT_NEAR(cosine(15), 1, 0.03);
  for (int step = 6; step < 16; ++step) EXPECT_LE(cosine(step + 1), cosine(step));

  const Schedule linear({.lr = 2, .decay = "linear"}, 10);
  EXPECT_DOUBLE_EQ(linear(0), 2);
  EXPECT_DOUBLE_EQ(linear(5), 1);
  const Schedule constant({.lr = 2, .warmup_steps = 2, .decay = "constant"}, 10);
  EXPECT_DOUBLE_EQ(constant(9), 2);
}

TEST(Schedule, SaysWhatDoesNotFit) {
  EXPECT_THROW(Schedule({.decay = "cosin"}, 10), Error);
  EXPECT_THROW(Schedule({.lr = -1}, 10), Error);
  EXPECT_THROW(Schedule({.warmup_steps = 8, .hold_steps = 3}, 10), Error);
}

}  // namespace
}  // namespace fourm
