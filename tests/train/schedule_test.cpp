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

// Table 7 of the paper: 100 epochs with factors 1, 0.1 and 0.01 from epochs 89 and 96.
TEST(Schedule, FallsAtMilestones) {
  const ScheduleConfig config{
      .lr = 2, .warmup_steps = 2, .milestones = {0.89, 0.96}, .factor = 0.1, .decay = "multistep"};
  const Schedule schedule(config, 1000);
  EXPECT_DOUBLE_EQ(schedule(0), 1);
  EXPECT_DOUBLE_EQ(schedule(889), 2);
  EXPECT_DOUBLE_EQ(schedule(890), 0.2);
  EXPECT_DOUBLE_EQ(schedule(959), 0.2);
  EXPECT_DOUBLE_EQ(schedule(960), 0.02);
  EXPECT_DOUBLE_EQ(schedule(999), 0.02);
  EXPECT_THROW(Schedule({.lr = 2, .decay = "multistep"}, 10), Error);
  EXPECT_THROW(Schedule({.lr = 2, .milestones = {0.5}}, 10), Error);
  EXPECT_THROW(Schedule({.lr = 2, .milestones = {0.9, 0.5}, .decay = "multistep"}, 10), Error);
  EXPECT_THROW(Schedule({.lr = 2, .milestones = {1.5}, .decay = "multistep"}, 10), Error);
}

// inverse_sqrt_scheduler(1e-3, 1e-5, epochs=1, niter_per_ep=12, cooldown_steps=4, timescale=10) of the original
// (fourm/utils/scheduler.py), without warm-up.
TEST(Schedule, InverseSquareRootAndCooldownEqualTheOriginals) {
  const std::vector<double> expected{1e-3,
                                     9.534625892455924e-04,
                                     9.128709291752769e-04,
                                     8.770580193070293e-04,
                                     8.451542547285166e-04,
                                     8.164965809277261e-04,
                                     7.905694150420949e-04,
                                     7.669649888473705e-04,
                                     7.669649888473705e-04,
                                     5.146433258982470e-04,
                                     2.623216629491235e-04,
                                     1e-5};
  const Schedule schedule({.lr = 1e-3, .lr_end = 1e-5, .cooldown_steps = 4, .timescale = 10, .decay = "inverse_sqrt"},
                          12);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(schedule(static_cast<int64_t>(i)), expected[i], 1e-12) << i;
  // After a warm-up and a stretch at the peak it begins from there.
  const Schedule later({.lr = 1e-3,
                        .lr_end = 1e-5,
                        .warmup_steps = 3,
                        .hold_steps = 2,
                        .cooldown_steps = 4,
                        .timescale = 10,
                        .decay = "inverse_sqrt"},
                       17);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(later(static_cast<int64_t>(i) + 5), expected[i], 1e-12) << i;
}

TEST(Schedule, ACooldownEndsASteadyRate) {
  const Schedule schedule({.lr = 2, .lr_end = 1, .cooldown_steps = 5, .decay = "constant"}, 10);
  for (int step = 0; step < 6; ++step) EXPECT_DOUBLE_EQ(schedule(step), 2);
  EXPECT_DOUBLE_EQ(schedule(7), 1.5);
  EXPECT_DOUBLE_EQ(schedule(9), 1);
}

TEST(Schedule, SaysWhatDoesNotFit) {
  EXPECT_THROW(Schedule({.cooldown_steps = 2, .decay = "cosine"}, 10), Error);
  EXPECT_THROW(Schedule({.warmup_steps = 4, .hold_steps = 3, .cooldown_steps = 4, .decay = "constant"}, 10), Error);

  EXPECT_THROW(Schedule({.decay = "cosin"}, 10), Error);
  EXPECT_THROW(Schedule({.lr = -1}, 10), Error);
  EXPECT_THROW(Schedule({.warmup_steps = 8, .hold_steps = 3}, 10), Error);
}

}  // namespace
}  // namespace fourm
