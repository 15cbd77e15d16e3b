#include "fourm/train/phases.h"

#include <fnmatch.h>

#include <algorithm>

#include "fourm/core/strings.h"

namespace fourm {
namespace {

int64_t steps_of_phases(const TrainingConfig& config) {
  int64_t steps = 0;
  for (const PhaseConfig& phase : config.phases) steps += phase.steps;
  return steps;
}

std::vector<bool> matching(const Parameters& parameters, const std::vector<std::string>& patterns,
                           const std::string& where) {
  std::vector<bool> trainable(parameters.entries().size());
  for (const auto& pattern : patterns) {
    bool any = false;
    for (size_t i = 0; i < trainable.size(); ++i) {
      const auto& entry = parameters.entries()[i];
      if (!entry.is_parameter || fnmatch(pattern.c_str(), entry.name.c_str(), 0) != 0) continue;
      trainable[i] = any = true;
    }
    check(any, where, ": no tensor that is trained has a name like ", printable(pattern));
  }
  return trainable;
}

}  // namespace

void check_phases(const TrainingConfig& config) {
  for (size_t i = 0; i < config.phases.size(); ++i) {
    try {
      Schedule(config.phases[i].schedule, config.phases[i].steps);
    } catch (const Error& error) {
      fail("training.phases[", i, "]: ", error.what());
    }
  }
  const int64_t before = steps_of_phases(config);
  check(before < config.steps, "training.phases have ", before, " steps, expected fewer than training.steps (",
        config.steps, "), which counts those of all phases");
  Schedule(config.schedule, config.steps - before);
}

Phases::Phases(const Parameters& parameters, const TrainingConfig& config) {
  check_phases(config);
  std::vector<bool> last, any;
  for (const auto& entry : parameters.entries()) {
    tensors_.push_back(entry.value);
    last.push_back(entry.value.requires_grad());
  }
  any = last;
  int64_t begin = 0;
  for (size_t i = 0; i < config.phases.size(); ++i) {
    const PhaseConfig& phase = config.phases[i];
    const auto trainable =
        phase.learn.empty() ? last : matching(parameters, phase.learn, concat("training.phases[", i, "].learn"));
    for (size_t k = 0; k < any.size(); ++k) any[k] = any[k] || trainable[k];
    phases_.push_back({begin, Schedule(phase.schedule, phase.steps), trainable});
    begin += phase.steps;
  }
  phases_.push_back({begin, Schedule(config.schedule, config.steps - begin), last});
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (any[i]) tensors_[i].requires_grad_();
}

size_t Phases::at(int64_t step) const {
  size_t i = phases_.size() - 1;
  while (i > 0 && phases_[i].begin > step) --i;
  return i;
}

double Phases::rate(int64_t step) const {
  const Phase& phase = phases_[at(step)];
  return phase.schedule(step - phase.begin);
}

bool Phases::begins_at(int64_t step) const {
  return std::ranges::any_of(phases_, [&](const Phase& phase) { return phase.begin == step; });
}

void Phases::enter(int64_t step) const {
  const auto& trainable = phases_[at(step)].trainable;
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (tensors_[i].requires_grad() != trainable[i]) tensors_[i].set_requires_grad(trainable[i]);
}

std::string Phases::text(int64_t step) const {
  const size_t phase = at(step);
  int64_t numbers = 0;
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (phases_[phase].trainable[i]) numbers += tensors_[i].numel();
  return concat("phase ", phase + 1, " of ", phases_.size(), ": ", counted(numbers, "trainable parameter"));
}

}  // namespace fourm
