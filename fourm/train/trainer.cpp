#include "fourm/train/trainer.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <cstdio>

#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/kernels/device.h"
#include "fourm/kernels/precision_scope.h"

namespace fourm {
namespace {

// Means between two records. Part of a checkpoint, so that a resumed run writes the same records.
class Meter {
 public:
  using Sums = std::map<std::string, std::pair<double, int64_t>>;

  void add(const std::string& name, double value) {
    sums_[name].first += value;
    ++sums_[name].second;
  }
  void add(const Metrics& metrics) {
    for (const auto& [name, value] : metrics) add(name, value);
  }
  // A scalar on a device is not read yet.
  void add(const std::string& name, const Tensor& scalar) {
    if (scalar.is_cpu()) return add(name, scalar.item<double>());
    auto& [sum, count] = unread_[name];
    const Tensor value = scalar.detach().to(at::kDouble).reshape({});
    sum = sum.defined() ? sum + value : value;
    ++count;
  }
  // All sums so far; those on a device are read together.
  Sums& read() {
    if (unread_.empty()) return sums_;
    std::vector<Tensor> scalars;
    for (const auto& item : unread_) scalars.push_back(item.second.first);
    const Tensor values = at::stack(scalars).to(at::kCPU);
    int64_t i = 0;
    for (const auto& [name, unread] : unread_) {
      sums_[name].first += values[i++].item<double>();
      sums_[name].second += unread.second;
    }
    unread_.clear();
    return sums_;
  }
  Metrics take() {
    Metrics means;
    for (const auto& [name, sum] : read()) means[name] = sum.first / static_cast<double>(sum.second);
    sums_.clear();
    return means;
  }

 private:
  Sums sums_;
  std::map<std::string, std::pair<Tensor, int64_t>> unread_;
};

// The sum over the steps since the last record whose loss or gradient was not finite. Not part of a record.
const char* const kNotFinite = "not_finite";

constexpr size_t kListed = 12;  // measures in a line

class Trainer {
 public:
  Trainer(Objective& objective, const TrainingConfig& config, const RunRecipe& recipe, const fs::path& folder)
      : objective_(objective),
        config_(config),
        waits_(objective.parameters().kernels().device().is_cpu() || config.skip_non_finite),
        precision_(parse_training_precision(config.precision)),
        schedule_(config.schedule, config.steps),
        optimizer_(objective.parameters(), config.optimizer),
        average_(config.ema_decay == 0 ? std::nullopt
                                       : std::optional<WeightAverage>({objective.parameters(), config.ema_decay})),
        run_(folder, recipe) {
    for (const auto& [key, before, now] : run_.changes())
      note(folder.string(), ": ", key, " was '", before, "', now '", now, "'",
           key == "training.steps" && config.schedule.decay != "constant"
               ? "; from here on the learning rate follows the schedule of the new length"
               : "");
    if (const auto last = run_.latest()) load(*last);
    check(step_ <= config_.steps, folder.string(), ": the run has done ", step_,
          " steps, more than training.steps=", config_.steps, "; give at least ", step_);
    run_.begin(step_);
  }

  Outcome run(const StopToken& stop_requested) {
    if (step_ == config_.steps)
      note(run_.path().string(), ": all ", step_, " steps are done; with a larger training.steps the run goes on");
    Progress progress(run_.path().filename().string(), config_.steps, step_);
    for (bool stop = false; step_ < config_.steps && !stop;) {
      step();
      stop = stop_requested && stop_requested();  // called once: a step that ends the run is saved below
      const bool last = step_ == config_.steps, writes_record = last || step_ % config_.log_every == 0;
      if (writes_record) {
        check_finite_steps();
        last_measures_ = meter_.take();
        if (config_.skip_non_finite) last_measures_["skipped_steps"] = static_cast<double>(skipped_);
        loss_ = last_measures_.contains("loss") ? last_measures_["loss"] : NAN;
        run_.record(step_, "train", last_measures_);
      }
      char text[32];
      std::snprintf(text, sizeof text, "loss %.4f", loss_);
      progress.update(step_, text);
      if (last || due(config_.evaluate_every)) evaluate();
      if (last || due(config_.checkpoint_every) || stop) save();
    }
    const bool finished = step_ == config_.steps;
    if (finished) finish();
    return {step_, finished};
  }

 private:
  bool due(int64_t every) const { return every > 0 && step_ % every == 0; }

  // On a GPU the host does not wait for the loss and the gradient: a step that is not finite changes no weights, and the
  // host learns of it with the next record. On the CPU, and where steps are skipped, it is known at once.
  void step() {
    const Stopwatch watch;
    const double lr = schedule_(step_);
    Tensor loss;
    bool finite = true;
    for (int64_t part = 0; part < config_.accumulate && finite; ++part) {
      const StepResult result = loss_of(step_ * config_.accumulate + part);
      const Tensor share = config_.accumulate == 1 ? result.loss : result.loss / config_.accumulate;
      loss = loss.defined() ? loss + share.detach() : share.detach();
      if (waits_) finite = is_finite("loss", result.loss.item<double>());
      if (!finite) break;
      share.backward();
      meter_.add(result.metrics);
      for (const auto& [name, scalar] : result.scalars) meter_.add(name, scalar);
    }
    if (finite) {
      const Tensor norm = optimizer_.gradient_norm();
      if (waits_) finite = is_finite("gradient", norm.item<double>());
      if (finite) {
        objective_.update_buffers(step_);
        // What the host has not seen yet must be finite too.
        optimizer_.step(lr, waits_ ? norm : at::where(at::isfinite(loss), norm, NAN));
        if (average_) average_->update();
        meter_.add("loss", loss);
        meter_.add("gradient_norm", norm);
        if (!waits_) meter_.add(kNotFinite, at::isfinite(norm + loss).logical_not());
      }
    }
    if (!finite) ++skipped_;
    if (waits_) loss_ = loss.item<double>();
    optimizer_.clear_gradients();
    ++step_;
    if (step_ % config_.log_every == 0 || step_ == config_.steps) meter_.read();
    meter_.add({{"lr", lr}, {"seconds", watch.seconds()}});
  }

  // Whether a step may change the weights. Error unless such steps are skipped.
  bool is_finite(const char* what, double value) const {
    if (std::isfinite(value)) return true;
    if (!config_.skip_non_finite) stop_at(concat("the ", what, " of step ", step_ + 1, " is ", value));
    return false;
  }

  // Error when a step since the last record was not finite, and the host has not waited for it.
  void check_finite_steps() {
    auto& sums = meter_.read();
    const auto found = sums.find(kNotFinite);
    if (found == sums.end()) return;
    const double count = found->second.first;
    sums.erase(found);
    if (count > 0)
      stop_at(concat("the loss or gradient of ", counted(static_cast<int64_t>(count), "step"), " up to step ", step_,
                     " is not finite"));
  }

  StepResult loss_of(int64_t index) {
    const PrecisionScope scope(precision_, objective_.parameters().kernels().device());
    return objective_.loss(index);
  }

  [[noreturn]] void stop_at(const std::string& what) const {
    const auto last = run_.latest();
    fail(run_.path().string(), ": ", what, "; the last good checkpoint is ", last ? last->folder.string() : "none",
         "; try a lower lr, more warmup_steps or a clip_norm",
         objective_.can_skip_steps() ? ", or training.skip_non_finite=true" : "");
  }

  void evaluate() {
    check_finite_steps();
    if (average_) average_->swap();
    const Evaluation result = objective_.evaluate(step_);
    if (average_) average_->swap();
    if (!result.metrics.empty()) run_.record(step_, "eval", result.metrics);
    for (const auto& [name, png] : result.images) run_.image(step_, name, png);
    run_.draw_curves();
    if (!result.metrics.empty()) last_measures_ = result.metrics;
    baselines_ = result.baselines;
  }

  void save() {
    check_finite_steps();
    run_.checkpoint(step_, config_.keep_checkpoints, [&](const fs::path& folder) {
      save_parameters(folder / "model.safetensors", objective_.parameters());
      save_tensors(folder / "optimizer.safetensors", optimizer_.state());
      if (average_) save_tensors(folder / "average.safetensors", average_->state());
      Json meter = Json::object();
      for (const auto& [name, sum] : meter_.read()) meter[name] = {sum.first, sum.second};
      Json state{{"step", step_}, {"meter", meter}};
      if (skipped_ > 0) state["skipped_steps"] = skipped_;
      write_json(folder / "state.json", state);
    });
  }

  void load(const RunFolder::Checkpoint& from) {
    restore(SafetensorsFile::open(from.folder / "model.safetensors"), objective_.parameters());
    optimizer_.load(SafetensorsFile::open(from.folder / "optimizer.safetensors"));
    if (average_) average_->load(SafetensorsFile::open(from.folder / "average.safetensors"));
    const fs::path file = from.folder / "state.json";
    const Json state = read_json(file);
    step_ = json_get<int64_t>(state, "step", file.string());
    meter_.read() = json_get<Meter::Sums>(state, "meter", file.string());
    if (state.contains("skipped_steps")) skipped_ = json_get<int64_t>(state, "skipped_steps", file.string());
    note(run_.path().string(), ": goes on from step ", step_);
  }

  void finish() {
    const fs::path model = run_.path() / "model";
    make_folder(model);
    if (average_) average_->swap();
    objective_.save(model);
    if (average_) average_->swap();
    run_.draw_curves();
    note(model.string(), ": the model after ", step_, " steps", listed(last_measures_));
    if (skipped_ > 0)
      warn(model.string(), ": ", skipped_, " of ", counted(step_, "step"),
           " had a loss or gradient that is not finite and were skipped");
    std::vector<std::string> worse;
    for (const auto& [name, baseline] : baselines_) {
      const auto measure = last_measures_.find(name);
      if (measure == last_measures_.end()) continue;
      const double gain = (measure->second - baseline.value) * (baseline.higher_is_better ? 1 : -1);
      if (!(gain >= 0))  // also a measure that is not a number
        worse.push_back(concat(name, " is ", measure->second, ", and ", baseline.value, " for ", baseline.what));
    }
    if (worse.empty()) return;
    if (worse.size() > kListed) worse.resize(kListed);
    warn(model.string(), ": worse than without learning: ", join(worse, "; "));
  }

  // "; name 0.5, ...": the overall loss first.
  static std::string listed(const Metrics& metrics) {
    std::vector<std::string> parts;
    if (const auto loss = metrics.find("loss"); loss != metrics.end()) parts.push_back(concat("loss ", loss->second));
    for (const auto& [name, value] : metrics)
      if (name != "loss") parts.push_back(concat(name, " ", value));
    const bool all = parts.size() <= kListed;
    if (!all) parts.resize(kListed);
    return parts.empty() ? "" : "; " + join(parts, ", ") + (all ? "" : ", ... (metrics.jsonl has all)");
  }

  Objective& objective_;
  TrainingConfig config_;
  bool waits_;  // for the loss and the gradient of each step
  Precision precision_;
  Schedule schedule_;
  AdamW optimizer_;
  std::optional<WeightAverage> average_;
  RunFolder run_;  // last: a recipe that is refused above leaves no folder
  Meter meter_;
  Metrics last_measures_;
  std::map<std::string, Baseline> baselines_;
  double loss_ = NAN;  // of the last step, or the mean of the last record
  int64_t step_ = 0, skipped_ = 0;
};

}  // namespace

std::string resolve_precision(const std::string& requested, const std::optional<std::string>& begun, bool bf16_fast) {
  const std::string precision = requested != "auto" ? requested : begun.value_or(bf16_fast ? "bf16" : "f32");
  warn_of_slow_precision("training.precision", precision, bf16_fast,
                         requested == "auto" ? "with which the run began; " : "");
  return precision;
}

void check_training(const TrainingConfig& config) {
  check_fields(config, "training");
  try {
    check_device_name(config.device);
  } catch (const Error& error) {
    fail("training.device: ", error.what());
  }
  check_optimizer(config.optimizer);
  Schedule(config.schedule, config.steps);
}

void check_there(const char* key, const std::string& path) {
  std::error_code ignored;
  check(path.empty() || path.find_first_of("{[") != std::string::npos || fs::exists(path, ignored), path,
        ": no such file or folder; it is '", key, "' of the recipe");
}

Outcome train(Objective& objective, const TrainingConfig& config, const RunRecipe& recipe, const fs::path& folder,
              const StopToken& stop) {
  check_training(config);
  check(
      !config.skip_non_finite || objective.can_skip_steps(),
      "training.skip_non_finite: steps of this training cannot be skipped, since its codebook keeps what it has seen");
  return Trainer(objective, config, recipe, folder).run(stop);
}

}  // namespace fourm
