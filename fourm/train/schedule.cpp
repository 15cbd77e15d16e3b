#include "fourm/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

Schedule::Schedule(const ScheduleConfig& config, int64_t steps) : config_(config), steps_(steps) {
  check_fields(config, "schedule");
  check(config.warmup_steps <= steps && config.hold_steps <= steps - config.warmup_steps &&
            config.cooldown_steps <= steps - config.warmup_steps - config.hold_steps,
        "warmup_steps (", config.warmup_steps, "), hold_steps (", config.hold_steps, ") and cooldown_steps (",
        config.cooldown_steps, ") should fit into the ", steps, " steps of the run");
  check(config.cooldown_steps == 0 || config.decay == "constant" || config.decay == "inverse_sqrt",
        "cooldown_steps is for decay: constant or inverse_sqrt; ", config.decay,
        config.decay == "multistep" ? " has its milestones" : " leads to lr_end itself");
  check((config.decay == "multistep") != config.milestones.empty(),
        config.milestones.empty() ? "decay: multistep needs milestones, such as [0.89, 0.96]"
                                  : "milestones are for decay: multistep");
  check(std::is_sorted(config.milestones.begin(), config.milestones.end()), "milestones do not rise");
}

double Schedule::operator()(int64_t step) const {
  const int64_t cooldown = config_.cooldown_steps, begin = steps_ - cooldown;
  if (step < begin || cooldown == 0) return before_cooldown(step);
  // The first of them has the rate of the step before, the last one lr_end.
  const double from = begin > 0 ? before_cooldown(begin - 1) : config_.lr;
  const double done = cooldown == 1 ? 0 : static_cast<double>(step - begin) / static_cast<double>(cooldown - 1);
  return from + (config_.lr_end - from) * done;
}

double Schedule::before_cooldown(int64_t step) const {
  if (step < config_.warmup_steps)
    return config_.lr * static_cast<double>(step + 1) / static_cast<double>(config_.warmup_steps);
  const int64_t decay_begin = config_.warmup_steps + config_.hold_steps;
  if (step < decay_begin || config_.decay == "constant") return config_.lr;
  if (config_.decay == "multistep") {
    const double done = static_cast<double>(step) / static_cast<double>(steps_);
    const auto passed = std::count_if(config_.milestones.begin(), config_.milestones.end(),
                                      [done](double milestone) { return milestone <= done; });
    return config_.lr * std::pow(config_.factor, static_cast<double>(passed));
  }
  if (config_.decay == "inverse_sqrt")
    return config_.lr / std::sqrt(1 + static_cast<double>(step - decay_begin) / config_.timescale);
  const double done = static_cast<double>(step - decay_begin) / static_cast<double>(steps_ - decay_begin);
  const double left = config_.decay == "linear" ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
  return config_.lr_end + (config_.lr - config_.lr_end) * left;
}

}  // namespace fourm
