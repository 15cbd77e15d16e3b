#include "fourm/train/schedule.h"

#include <cmath>
#include <numbers>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

Schedule::Schedule(const ScheduleConfig& config, int64_t steps) : config_(config), steps_(steps) {
  check_fields(config, "schedule");
  check(config.warmup_steps <= steps && config.hold_steps <= steps - config.warmup_steps, "warmup_steps (",
        config.warmup_steps, ") and hold_steps (", config.hold_steps, ") should fit into the ", steps,
        " steps of the run");
}

double Schedule::operator()(int64_t step) const {
  if (step < config_.warmup_steps)
    return config_.lr * static_cast<double>(step + 1) / static_cast<double>(config_.warmup_steps);
  const int64_t decay_begin = config_.warmup_steps + config_.hold_steps;
  if (step < decay_begin || config_.decay == "constant") return config_.lr;
  const double done = static_cast<double>(step - decay_begin) / static_cast<double>(steps_ - decay_begin);
  const double left = config_.decay == "linear" ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
  return config_.lr_end + (config_.lr - config_.lr_end) * left;
}

}  // namespace fourm
