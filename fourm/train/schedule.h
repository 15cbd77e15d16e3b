// Learning rate by step: linear warm-up, a steady stretch, then decay to a floor.
#pragma once

#include <cstdint>
#include <string>

#include "fourm/core/config.h"

namespace fourm {

struct ScheduleConfig {
  double lr = 1e-3;
  double lr_end = 0;
  int64_t warmup_steps = 0;
  int64_t hold_steps = 0;
  std::string decay = "cosine";

  template <class Visitor>
  void fields(Visitor& v) {
    v("lr", lr, "peak learning rate", at_least(0));
    v("lr_end", lr_end, "learning rate that the decay leads to", at_least(0));
    v("warmup_steps", warmup_steps, "steps of linear warm-up; the last of them has the peak rate", at_least(0));
    v("hold_steps", hold_steps, "steps at the peak rate between warm-up and decay", at_least(0));
    v("decay", decay, "how the rate falls; constant: it does not", OneOf{{"cosine", "linear", "constant"}});
  }
};

class Schedule {
 public:
  /// Error on negative numbers, an unknown decay, or warm-up and hold longer than `steps`.
  Schedule(const ScheduleConfig& config, int64_t steps);
  /// The rate of step `step`, counted from 0.
  double operator()(int64_t step) const;

 private:
  ScheduleConfig config_;
  int64_t steps_;
};

}  // namespace fourm
