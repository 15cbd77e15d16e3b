#include "fourm/train/trainer.h"

#include <cmath>
#include <cstdio>
#include <random>

#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/dist/data_parallel.h"
#include "fourm/kernels/device.h"
#include "fourm/kernels/precision_scope.h"
#include "fourm/train/checkpoint.h"
#include "fourm/train/checkpoint_writer.h"
#include "fourm/train/phases.h"

namespace fourm {
namespace {

fs::path folder_beside(const fs::path& target) {
  return target.parent_path() / concat(".", target.filename().string());
}

// A process that was killed between the two last steps of replace_folder left the new folder beside `target`.
void finish_replacement(const fs::path& target) {
  const fs::path written = concat(folder_beside(target).string(), ".written");
  std::error_code ignored;
  if (!fs::exists(target, ignored) && fs::exists(written, ignored)) fs::rename(written, target);
}

// write(folder) makes a folder beside `target`, which then takes its place.
template <class Write>
void replace_folder(const fs::path& target, const Write& write) {
  const fs::path beside = folder_beside(target), written = concat(beside.string(), ".written");
  for (const fs::path& earlier : {beside, written}) fs::remove_all(earlier);  // of an attempt that was killed
  write(beside);
  fs::rename(beside, written);
  fs::remove_all(target);
  fs::rename(written, target);
}

// Means between two records, of sums over the processes. Part of a checkpoint, so that a resumed run writes the same
// records.
class Meter {
 public:
  using Sums = std::map<std::string, std::pair<double, int64_t>>;

  explicit Meter(const ProcessGroup& group) : group_(group) {}

  // The share of this process.
  void add(const std::string& name, double value) {
    sums_[name].first += value;
    ++sums_[name].second;
  }
  void add(const Metrics& metrics) {
    for (const auto& [name, value] : metrics) add(name, value);
  }
  // A scalar on a device is not read yet. With `keep` [] only where it is true.
  void add(const std::string& name, const Tensor& scalar, const Tensor& keep = {}) {
    if (scalar.is_cpu()) return add(name, scalar.item<double>());
    Unread& unread = unread_[name];
    const Tensor value = scalar.detach().to(at::kDouble).reshape({}), one = at::ones_like(value);
    unread.add(keep.defined() ? at::where(keep, value, 0) : value, keep.defined() ? at::where(keep, one, 0) : one);
  }
  // What all processes know. That of the first counts.
  void add_common(const std::string& name, double value) { add(name, group_.is_first() ? value : 0.0); }
  void add_common(const std::string& name, const Tensor& value, const Tensor& keep = {}) {
    add(name, group_.is_first() ? value : at::zeros_like(value), keep);
  }
  // Reads the scalars on a device, together.
  void read() {
    if (unread_.empty()) return;
    std::vector<Tensor> scalars;
    for (const auto& item : unread_) scalars.insert(scalars.end(), {item.second.sum, item.second.count});
    const Tensor values = at::stack(scalars).to(at::kCPU);
    int64_t i = 0;
    for (const auto& item : unread_) {
      auto& [sum, count] = sums_[item.first];
      sum += values[i++].item<double>();
      count += static_cast<int64_t>(values[i++].item<double>());
    }
    unread_.clear();
  }
  // The sums over the processes. From now on they are the share of the first.
  Sums settle() {
    read();
    std::vector<double> shares;
    for (const auto& item : sums_) shares.push_back(item.second.first);
    const std::vector<double> totals = group_.all_reduce(shares);
    Sums all = sums_;
    size_t i = 0;
    for (auto& [name, sum] : all) sum.first = totals[i++];
    start_with(all);
    return all;
  }
  void start_with(Sums all) {
    sums_ = std::move(all);
    if (!group_.is_first())
      for (auto& item : sums_) item.second.first = 0;
  }
  Metrics take() {
    Metrics means;
    for (const auto& [name, sum] : settle())
      if (sum.second > 0) means[name] = sum.first / static_cast<double>(sum.second);
    sums_.clear();
    return means;
  }
  // The sum of a name over the processes, which the records do not have.
  double take_out(const std::string& name) {
    const Sums all = settle();
    sums_.erase(name);
    const auto found = all.find(name);
    return found == all.end() ? 0 : found->second.first;
  }

 private:
  struct Unread {
    Tensor sum, count;
    void add(const Tensor& value, const Tensor& times) {
      sum = sum.defined() ? sum + value : value;
      count = count.defined() ? count + times : times;
    }
  };
  const ProcessGroup& group_;
  Sums sums_;
  std::map<std::string, Unread> unread_;
};

// The number of steps since the last record that the device has skipped. Not part of a record.
const char* const kSkipped = "skipped";

constexpr size_t kListed = 12;  // measures in a line

Sharding parse_sharding(const std::string& name) {
  if (name == "optimizer") return Sharding::kOptimizer;
  return name == "gradients" ? Sharding::kGradients : Sharding::kNone;
}

class Trainer {
 public:
  Trainer(Objective& objective, const TrainingConfig& config, const RunRecipe& recipe, const fs::path& folder,
          const ProcessGroup& group)
      : objective_(objective),
        config_(config),
        group_(group),
        folder_(folder),
        waits_(objective.parameters().kernels().device().is_cpu()),
        can_skip_(objective.can_skip_steps()),
        precision_(parse_training_precision(config.precision)),
        phases_(objective.parameters(), config),
        sharding_(parse_sharding(config.shard)),
        gradients_(objective.parameters(), group, sharding_, config.gradient_precision == "bf16"),
        optimizer_(objective.parameters(), config.optimizer, owns()),
        meter_(group_) {
    if (config.ema_decay > 0) average_.emplace(objective.parameters(), config.ema_decay, owns());
    if (group_.is_first()) open_folder(recipe);
    check_folder_is_shared();
    first_checkpoint_ = group_.all_gather(run_ ? newest_checkpoint().string() : "")[0];
    if (!first_checkpoint_.empty()) load(first_checkpoint_);
    check(step_ <= config_.steps, folder.string(), ": the run has done ", step_,
          " steps, more than training.steps=", config_.steps, "; give at least ", step_);
    if (run_) run_->begin(step_);
    checkpoints_.emplace(group_, run_ ? &*run_ : nullptr,
                         RunFolder::Keep{config_.keep_checkpoints, config_.keep_every});
    if (step_ < config_.steps) enter_phase();
  }

  Outcome run(const StopToken& stop_requested) {
    if (step_ == config_.steps)
      note(folder_.string(), ": all ", step_, " steps are done; a larger training.steps continues the run");
    Progress progress(folder_.filename().string(), config_.steps, step_);
    for (bool stop = false; step_ < config_.steps && !stop;) {
      step();
      // Called once: a step that ends the run is saved below.
      stop = group_.any(stop_requested && stop_requested());
      const bool last = step_ == config_.steps;
      if (last || step_ % config_.log_every == 0) record_step();
      char text[32];
      std::snprintf(text, sizeof text, "loss %.4f", loss_);
      progress.update(step_, text);
      if (last || due(config_.evaluate_every)) evaluate();
      checkpoints_->poll();
      if (last || due(config_.checkpoint_every) || stop) save();
    }
    checkpoints_->wait();
    const bool finished = step_ == config_.steps;
    if (finished) finish();
    return {step_, finished};
  }

 private:
  bool due(int64_t every) const { return every > 0 && step_ % every == 0; }

  void open_folder(const RunRecipe& recipe) {
    run_.emplace(folder_, recipe);
    for (const char* name : {"best", "model"}) finish_replacement(folder_ / name);
    for (const auto& [key, before, now] : run_->changes())
      note(folder_.string(), ": ", key, " was '", before, "', now '", now, "'",
           key == "training.steps" && config_.schedule.decay != "constant"
               ? "; from here on the learning rate follows the schedule of the new length"
               : "");
  }

  // The newest one that is whole.
  fs::path newest_checkpoint() const {
    const auto all = run_->checkpoints();
    for (auto checkpoint = all.rbegin(); checkpoint != all.rend(); ++checkpoint) {
      try {
        check_checkpoint(checkpoint->folder);
        return checkpoint->folder;
      } catch (const Error& error) {
        check(std::next(checkpoint) != all.rend(), error.what(), "; there is no earlier checkpoint");
        warn(error.what(), "; the run resumes from the checkpoint before it");
      }
    }
    return {};
  }

  Owns owns() const {
    return [this](const Tensor& tensor) { return gradients_.owns(tensor); };
  }

  // A step whose loss or gradient is not finite, or whose gradient is too long, is skipped: it changes nothing. All processes
  // find the same, since loss and norm are those of all. On a GPU the host does not wait for them: the device leaves out the
  // changes, and the host learns of it with the next record.
  void step() {
    const Stopwatch watch;
    if (phases_.begins_at(step_) && step_ > 0) enter_phase();
    lr_ = phases_.rate(step_);
    Tensor loss;  // the share of this process
    std::vector<StepResult> results;
    for (int64_t part = 0; part < config_.accumulate; ++part) {
      results.push_back(loss_of(step_ * config_.accumulate + part));
      Tensor& result = results.back().loss;
      const Tensor share = config_.accumulate == 1 ? result : result / config_.accumulate;
      loss = loss.defined() ? loss + share.detach() : share.detach();
      gradients_.prepare_for_backward(share, part + 1 == config_.accumulate);
      if (share.requires_grad()) share.backward();  // not where no trainable tensor was used
      result = Tensor();                            // its graph goes
    }
    gradients_.wait_for_gradients();
    const Tensor whole = loss.clone();
    group_.all_reduce(whole);
    const Tensor norm = gradients_.norm(optimizer_.gradient_norms());
    if (waits_) {
      loss_ = whole.item<double>();
      const std::string fault = fault_of(loss_, norm.item<double>());
      if (fault.empty())
        update(results, loss, norm, {});
      else
        skip(1, concat("the ", fault, " of step ", step_ + 1));
    } else {
      Tensor keep = at::isfinite(norm) & at::isfinite(whole);
      if (const double most = config_.optimizer.skip_norm; most > 0) keep = keep & (norm < most);
      update(results, loss, norm, keep);
      meter_.add_common(kSkipped, keep.logical_not());
    }
    optimizer_.clear_gradients();
    ++step_;
    if (step_ % config_.log_every == 0 || step_ == config_.steps) meter_.read();  // waits for the device
    meter_.add_common("seconds", watch.seconds());
  }

  // Changes the weights and all that follows them; where `keep` is given, the device does so only if it is true.
  void update(const std::vector<StepResult>& results, const Tensor& loss, const Tensor& norm, const Tensor& keep) {
    objective_.update_buffers(step_);
    optimizer_.step(lr_, keep.defined() ? at::where(keep, norm, NAN) : norm);
    gradients_.broadcast_weights();
    if (average_ && keep.defined())
      average_->update_where(keep);
    else if (average_)
      average_->update();
    for (const StepResult& result : results) {
      meter_.add(result.metrics);
      for (const auto& [name, scalar] : result.scalars) meter_.add(name, scalar, keep);
    }
    meter_.add("loss", loss, keep);
    meter_.add_common("gradient_norm", norm, keep);
  }

  // What is wrong with a step of this loss and gradient; "": nothing.
  std::string fault_of(double loss, double norm) const {
    const auto text = [](double value) { return std::isnan(value) ? "nan" : concat(value); };  // without a sign
    if (!std::isfinite(loss)) return concat("loss (", text(loss), ")");
    if (!std::isfinite(norm)) return concat("gradient (norm ", text(norm), ")");
    const double most = config_.optimizer.skip_norm;
    return most > 0 && norm >= most ? concat("gradient (norm ", norm, ", skip_norm is ", most, ")") : "";
  }

  // Counts steps that were skipped because of `fault`. Error when they are too many.
  void skip(int64_t count, const std::string& fault) {
    if (!can_skip_) stop_at(concat(fault, " cannot be used"));
    skipped_ += count;
    const int64_t most = config_.max_skipped;
    if (skipped_ > most)
      stop_at(concat(fault, " cannot be used, ",
                     most == 0 ? "and training.max_skipped is 0"
                               : concat("and that makes ", counted(skipped_, "skipped step"),
                                        ", more than training.max_skipped (", most, ")")));
    warn(folder_.string(), ": ", fault, " cannot be used: the step is skipped (", skipped_, " of at most ", most, ")");
  }

  // The same for steps that the device has skipped since the last record.
  void count_skipped() {
    if (waits_) return;
    const auto count = static_cast<int64_t>(meter_.take_out(kSkipped));
    if (count > 0) skip(count, concat("the loss or gradient of ", counted(count, "step"), " up to step ", step_));
  }

  void record_step() {
    count_skipped();
    last_measures_ = meter_.take();
    last_measures_["lr"] = lr_;
    if (skipped_ > 0) last_measures_["skipped_steps"] = static_cast<double>(skipped_);
    loss_ = last_measures_.contains("loss") ? last_measures_["loss"] : NAN;
    if (run_) run_->record(step_, "train", last_measures_);
  }

  void enter_phase() {
    phases_.enter(step_);
    gradients_.trainable_changed();
    if (!config_.phases.empty()) note(folder_.string(), ": step ", step_ + 1, " is in ", phases_.text(step_));
  }

  StepResult loss_of(int64_t index) {
    const PrecisionScope scope(precision_, objective_.parameters().kernels().device());
    return objective_.loss(index);
  }

  // Checkpoints are written by several processes and read by all. Error where one has another folder of this name.
  void check_folder_is_shared() const {
    if (group_.size() == 1) return;
    const fs::path file = folder_ / ".shared";
    if (group_.is_first()) write_file(file, concat(std::random_device()(), " ", std::random_device()(), "\n"));
    group_.barrier();
    std::error_code ignored;
    const auto seen = group_.all_gather(fs::exists(file, ignored) ? read_file(file) : "");
    if (group_.is_first()) fs::remove(file, ignored);
    for (size_t rank = 1; rank < seen.size(); ++rank)
      check(seen[rank] == seen[0], folder_.string(), ": rank ", rank,
            " does not see the run folder of rank 0; all processes need a folder that they share");
  }

  // By all processes.
  [[noreturn]] void stop_at(const std::string& what) {
    checkpoints_->wait();
    const fs::path& own = checkpoints_->newest().empty() ? first_checkpoint_ : checkpoints_->newest();
    const std::string newest = group_.all_gather(own.string())[0];  // the first process completes checkpoints
    fail(folder_.string(), ": ", what, "; the last good checkpoint is ", newest.empty() ? "none" : newest,
         "; try a lower lr, more warmup_steps or a clip_norm", can_skip_ ? ", or a larger training.max_skipped" : "");
  }

  void evaluate() {
    count_skipped();
    swap_averages();
    const Evaluation result = objective_.evaluate(step_);
    if (config_.keep_best) keep_best(result);
    swap_averages();
    if (run_) {
      if (!result.metrics.empty()) run_->record(step_, "eval", result.metrics);
      for (const auto& [name, png] : result.images) run_->image(step_, name, png);
      run_->draw_curves();
    }
    if (!result.metrics.empty()) last_measures_ = result.metrics;
    baselines_ = result.baselines;
  }

  // Saves the model, whose averages are its weights now, if it is better than all before.
  void keep_best(const Evaluation& result) {
    const auto measure = result.metrics.find(result.main);
    if (measure == result.metrics.end() || std::isnan(measure->second)) return;
    const double value = result.higher_is_better ? measure->second : -measure->second;
    if (best_ && value <= best_->value) return;
    best_ = {step_, value, concat(result.main, " ", measure->second)};
    if (!run_) return;
    const ProcessGroup::Busy busy(group_);
    replace_folder(folder_ / "best", [&](const fs::path& beside) {
      make_folder(beside);
      objective_.save(beside);
    });
  }

  void swap_averages() {
    if (!average_) return;
    average_->swap();
    gradients_.broadcast_weights();
  }

  void save() {
    count_skipped();
    Json meter = Json::object();
    for (const auto& [name, sum] : meter_.settle()) meter[name] = {sum.first, sum.second};
    Json state{{"step", step_}, {"meter", meter}};
    if (skipped_ > 0) state["skipped_steps"] = skipped_;
    if (best_) state["best"] = {{"step", best_->step}, {"value", best_->value}, {"measure", best_->measure}};
    checkpoints_->start(step_, own_files(), state);
  }

  // The files of a checkpoint that this process writes.
  std::vector<CheckpointFile> own_files() const {
    std::vector<CheckpointFile> files;
    const bool first = group_.is_first();
    if (first) {
      const Parameters& parameters = objective_.parameters();
      CheckpointFile& model = files.emplace_back(CheckpointFile{"model.safetensors", {}, parameters.aliases()});
      for (const auto& entry : parameters.entries())
        model.tensors.emplace_back(entry.name,
                                   entry.value.is_floating_point() ? entry.value.to(at::kFloat) : entry.value);
    }
    const ProcessGroup& owners = gradients_.owners();
    if (sharding_ == Sharding::kNone ? !first : !gradients_.is_first_machine()) return files;
    const int64_t rank = owners.rank(), shards = sharding_ == Sharding::kNone ? 1 : owners.size();
    files.push_back({shard_name("optimizer", rank, shards), optimizer_.state()});
    if (average_) files.push_back({shard_name("average", rank, shards), average_->state(first)});
    return files;
  }

  void load(const fs::path& from) {
    restore(SafetensorsFile::open(from / "model.safetensors"), objective_.parameters());
    optimizer_.load(open_shards(from, "optimizer"));
    if (average_) average_->load(open_shards(from, "average"));
    const fs::path file = from / "state.json";
    const Json state = read_json(file);
    step_ = json_get<int64_t>(state, "step", file.string());
    meter_.start_with(json_get<Meter::Sums>(state, "meter", file.string()));
    if (state.contains("skipped_steps")) skipped_ = json_get<int64_t>(state, "skipped_steps", file.string());
    if (state.contains("best")) {
      const Json& best = state["best"];
      best_ = {json_get<int64_t>(best, "step", file.string()), json_get<double>(best, "value", file.string()),
               json_get<std::string>(best, "measure", file.string())};
    }
    note(folder_.string(), ": resumes from step ", step_);
  }

  void finish() {
    swap_averages();
    if (run_) save_model();
    swap_averages();
  }

  void save_model() {
    const ProcessGroup::Busy busy(group_);
    const fs::path model = folder_ / "model";
    const bool has_best = config_.keep_best && best_ && fs::exists(folder_ / "best");
    if (has_best) {
      replace_folder(model,
                     [&](const fs::path& beside) { fs::copy(folder_ / "best", beside, fs::copy_options::recursive); });
    } else {
      make_folder(model);
      objective_.save(model);
    }
    run_->draw_curves();
    note(model.string(), ": the model after ", step_, " steps", listed(last_measures_));
    if (has_best) note(model.string(), ": holds the best one, of step ", best_->step, " (", best_->measure, ")");
    if (skipped_ > 0)
      warn(model.string(), ": ", skipped_, " of ", counted(step_, "step"),
           " had a loss or gradient that could not be used and were skipped");
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
  ProcessGroup group_;
  fs::path folder_;
  bool waits_;  // for the loss and the gradient of each step
  bool can_skip_;
  Precision precision_;
  Phases phases_;  // before what is made for all tensors that are trainable in any of them
  Sharding sharding_;
  DataParallel gradients_;
  AdamW optimizer_;
  std::optional<WeightAverage> average_;
  Meter meter_;
  std::optional<RunFolder> run_;  // of the first process; opened last: a recipe that is refused above leaves no folder
  fs::path first_checkpoint_;     // from which this process resumes; empty: none
  std::optional<CheckpointWriter> checkpoints_;
  Metrics last_measures_;
  std::map<std::string, Baseline> baselines_;
  double lr_ = 0;  // the learning rate of the last step
  // The best evaluation so far; a higher value is better.
  struct Best {
    int64_t step;
    double value;
    std::string measure;
  };
  std::optional<Best> best_;
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
  check(config.device.find(',') == std::string::npos && config.device != "cuda:all",
        "training.device: a process trains on one GPU; `fourm launch -n N` starts N processes, each with its GPU");
  try {
    check_device_name(config.device);
  } catch (const Error& error) {
    fail("training.device: ", error.what());
  }
  check_optimizer(config.optimizer);
  check_phases(config);
}

void check_exists(const char* key, const std::string& path) {
  std::error_code ignored;
  check(path.empty() || path.find_first_of("{[") != std::string::npos || fs::exists(path, ignored), path,
        ": no such file or folder; it is '", key, "' of the recipe");
}

Outcome train(Objective& objective, const TrainingConfig& config, const RunRecipe& recipe, const fs::path& folder,
              const StopToken& stop, const ProcessGroup& group) {
  check_training(config);
  check(config.optimizer.skip_norm == 0 || objective.can_skip_steps(),
        "training.optimizer.skip_norm: steps of this training cannot be skipped, since its codebook keeps what it has "
        "seen");
  group.check_same("device or precision", concat(device_name(parse_device(config.device)), " in ", config.precision));
  group.connect_device(objective.parameters().kernels().device());
  return Trainer(objective, config, recipe, folder, group).run(stop);
}

}  // namespace fourm
