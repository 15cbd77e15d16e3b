#include "fourm/experiments/experiment_run.h"

#include <chrono>

#include "fourm/core/error.h"
#include "fourm/core/file_lock.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/train/records.h"
#include "fourm/train/run.h"

namespace fourm {
namespace {

constexpr const char* kResult = "result.json";
constexpr const char* kSeconds = "seconds.json";  // of the parts of an unfinished run

// The best of the evaluations in metrics.jsonl.
RunResult best_evaluation(const fs::path& folder) {
  const fs::path file = folder / "metrics.jsonl";
  RunResult best;
  for (const Record& record : read_records(file)) {
    const auto value = record.values.find("loss");
    if (record.kind != "eval" || value == record.values.end() || !value->is_number()) continue;
    const auto loss = value->get<double>();
    if (++best.evaluations > 1 && loss >= best.loss) continue;
    best.loss = loss;
    best.step = record.step;
  }
  check(best.evaluations > 0, file.string(), ": no evaluation of the run has a finite loss");
  return best;
}

double seconds_so_far(const fs::path& folder) {
  const fs::path file = folder / kSeconds;
  return fs::exists(file) ? json_get<double>(read_json(file), "seconds", file.string()) : 0;
}

// Error when the folder holds a run of another recipe.
void check_same_experiment(const PretrainConfig& recipe) {
  PretrainConfig compared = resolved(recipe);
  if (compared.training.precision == "auto")
    compared.training.precision = RunFolder::stored_value(recipe.out, "training.precision").value_or("auto");
  RunRecipe run = run_recipe(compared);
  // A result depends on the length and the evaluations too.
  for (const char* key : {"training.steps", "training.evaluate_every", "eval_samples"}) std::erase(run.changeable, key);
  RunFolder::compare(recipe.out, run);
}

// Trains, and writes the result. Nothing when `stop` ended it, or when it failed, which is reported as a warning.
std::optional<RunResult> trained_result(const PretrainConfig& recipe, const StopToken& stop) {
  const fs::path folder = recipe.out;
  const auto start = std::chrono::steady_clock::now();
  const double before = seconds_so_far(folder);
  RunResult result;
  bool finished = false;
  try {
    finished = pretrain(recipe, stop).finished;
    if (finished) result = best_evaluation(folder);
  } catch (const Error& error) {
    warn(error.what());
    return {};
  }
  result.seconds = before + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!finished) {
    write_json(folder / kSeconds, {{"seconds", result.seconds}});
    return {};
  }
  write_json(
      folder / kResult,
      {{"loss", result.loss}, {"step", result.step}, {"evaluations", result.evaluations}, {"seconds", result.seconds}});
  return result;
}

}  // namespace

std::optional<RunResult> read_result(const fs::path& folder) {
  const fs::path file = folder / kResult;
  if (!fs::exists(file)) return {};
  const Json json = read_json(file);
  const auto number = [&](const char* key) { return json_get<double>(json, key, file.string()); };
  return RunResult{number("loss"), json_get<int64_t>(json, "step", file.string()),
                   json_get<int64_t>(json, "evaluations", file.string()), number("seconds")};
}

std::optional<RunResult> run_experiment(const PretrainConfig& recipe, Keep keep, const StopToken& stop) {
  check(!recipe.eval_data.empty(), recipe.out, ": an experiment compares losses on a held-out set: set eval_data");
  const fs::path folder = recipe.out;
  check_same_experiment(recipe);
  std::optional<RunResult> result = read_result(folder);
  if (!result && stop && stop()) return {};
  make_folder(folder);
  const FileLock lock(folder / ".experiment.lock");
  if (!lock.is_taken() || RunFolder::is_open_elsewhere(folder)) return result;
  if (!result) result = read_result(folder);  // of a process that has ended since
  if (!result) {
    result = trained_result(recipe, stop);
    if (!result) return {};
  }
  fs::remove_all(folder / "checkpoints");
  if (keep == Keep::kRecords) fs::remove_all(folder / "model");
  fs::remove(folder / kSeconds);
  return result;
}

PretrainConfig with_changes(const PretrainConfig& recipe, const std::vector<std::string>& changes,
                            const std::string& origin) {
  YAML::Node node = to_yaml(recipe);
  for (const auto& change : changes) {
    check(change.find('=') != std::string::npos && !change.starts_with('='), origin, ": expected key=value, got ",
          printable(change));
    apply_override(node, change);
  }
  PretrainConfig changed;
  read_config(node, changed, origin);
  return changed;
}

}  // namespace fourm
