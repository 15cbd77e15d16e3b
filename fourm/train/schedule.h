// Learning rate by step: linear warm-up, a constant peak rate, then decay to a minimum, at milestones, or a slow decay with a
// cooldown at the end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fourm/core/config.h"

namespace fourm {

struct ScheduleConfig {
  double lr = 1e-3;
  double lr_end = 0;
  int64_t warmup_steps = 0;
  int64_t hold_steps = 0;
  int64_t cooldown_steps = 0;
  double timescale = 10000;
  std::vector<double> milestones{};
  double factor = 0.1;
  std::string decay = "cosine";

  template <class Visitor>
  void fields(Visitor& v) {
    v("lr", lr, "peak learning rate", at_least(0));
    v("lr_end", lr_end, "learning rate that the decay or the cooldown leads to", at_least(0));
    v("warmup_steps", warmup_steps, "steps of linear warm-up; the last of them has the peak rate", at_least(0));
    v("hold_steps", hold_steps, "steps at the peak rate between warm-up and decay", at_least(0));
    v("decay", decay,
      "how the rate falls; constant: it does not; multistep: by a factor at each milestone; inverse_sqrt: by 1 / "
      "sqrt(1 "
      "+ steps / timescale), which does not depend on the length of the run",
      OneOf{{"cosine", "linear", "constant", "multistep", "inverse_sqrt"}});
    v("milestones", milestones,
      "multistep: fractions of the run after which the rate is multiplied by `factor`, such as "
      "[0.89, 0.96]",
      Range{0, 1});
    v("factor", factor, "multistep: what the rate is multiplied by at each milestone", Range{0, 1});
    v("timescale", timescale, "steps after which the rate of inverse_sqrt has fallen by a factor of sqrt(2)",
      at_least(1));
    v("cooldown_steps", cooldown_steps,
      "the last steps, in which the rate falls evenly to lr_end; with decay constant or inverse_sqrt",
      KeyRole::kChangeable, at_least(0));
  }
};

class Schedule {
 public:
  /// Error on negative numbers, an unknown decay, milestones that are missing or do not rise, a cooldown after a decay that leads to lr_end itself, or parts that are
  /// longer than `steps` together.
  Schedule(const ScheduleConfig& config, int64_t steps);
  /// The rate of step `step`, counted from 0.
  double operator()(int64_t step) const;

 private:
  double before_cooldown(int64_t step) const;

  ScheduleConfig config_;
  int64_t steps_;
};

}  // namespace fourm
