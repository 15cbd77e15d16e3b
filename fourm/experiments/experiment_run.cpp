#include "fourm/experiments/experiment_run.h"

#include <chrono>
#include <cstdio>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
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
  check(best.evaluations > 0, file.string(), ": the run has no evaluation: set eval_data");
  return best;
}

double seconds_so_far(const fs::path& folder) {
  const fs::path file = folder / kSeconds;
  return fs::exists(file) ? json_get<double>(read_json(file), "seconds", file.string()) : 0;
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
  if (auto done = read_result(folder)) return done;
  if (RunFolder::is_open_elsewhere(folder)) return {};
  const auto start = std::chrono::steady_clock::now();
  const double before = seconds_so_far(folder);
  const Outcome outcome = pretrain(recipe, stop);
  const double seconds = before + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!outcome.finished) {
    write_json(folder / kSeconds, {{"seconds", seconds}});
    return {};
  }
  RunResult result = best_evaluation(folder);
  result.seconds = seconds;
  fs::remove_all(folder / "checkpoints");
  if (keep == Keep::kRecords) fs::remove_all(folder / "model");
  write_json(
      folder / kResult,
      {{"loss", result.loss}, {"step", result.step}, {"evaluations", result.evaluations}, {"seconds", result.seconds}});
  fs::remove(folder / kSeconds);
  return result;
}

std::string fixed(double value, int decimals) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
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
