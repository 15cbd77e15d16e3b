#include "fourm/experiments/token_benchmark.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/experiments/spread.h"

namespace fourm {
namespace {

// All tokens of the inputs are given, and all of the target are predicted.
MaskingConfig whole_modalities(const PretrainConfig& recipe, const TransferTask& task) {
  const ModalityTable table = recipe_modalities(recipe);
  const auto tokens = [&](const std::string& name) { return recipe.model.modality(name, table).max_tokens; };
  MaskingConfig masking = recipe.masking;
  MaskingComponent component;
  component.name = "transfer";
  int64_t inputs = 0;
  for (const auto& name : task.input) {
    inputs += tokens(name);
    component.input[name] = 1;
    if (recipe.model.modality(name, table).kind == ModalityKind::kSequence) component.keep[name] = "all";
  }
  component.target[task.target] = 1;
  masking.input_tokens = {inputs, inputs};
  masking.target_tokens = {tokens(task.target), tokens(task.target)};
  masking.mixture = {component};
  return masking;
}

// The mean of rows of equal length, by column.
std::vector<double> mean_of(const std::vector<std::vector<double>>& rows) {
  std::vector<double> mean(rows[0].size(), 0);
  for (const auto& row : rows)
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += row[i] / static_cast<double>(rows.size());
  return mean;
}

fs::path folder_of(const TokenBenchmarkConfig& config, const TransferTask& task, uint64_t seed) {
  return fs::path(config.out) / task.name / concat("seed", seed);
}

}  // namespace

std::vector<double> BenchmarkResult::Task::losses() const {
  std::vector<double> losses;
  for (const RunResult& run : runs) losses.push_back(run.loss);
  return losses;
}

std::vector<BenchmarkResult::Group> BenchmarkResult::groups() const {
  std::vector<std::string> names;
  for (const auto& task : tasks)
    if (!contains(unfinished_groups, task.group) && !contains(names, task.group)) names.push_back(task.group);
  std::vector<Group> groups;
  for (const auto& name : names) {
    std::vector<std::vector<double>> losses;
    for (const auto& task : tasks)
      if (task.group == name) losses.push_back(task.losses());
    groups.push_back({name, mean_of(losses)});
  }
  return groups;
}

std::vector<double> BenchmarkResult::averages() const {
  check(missing == 0 && !tasks.empty(), "[BenchmarkResult] ", counted(missing, "task"), " not finished");
  std::vector<std::vector<double>> losses;
  for (const Group& group : groups()) losses.push_back(group.losses);
  return mean_of(losses);
}

TokenBenchmarkConfig with_tasks(TokenBenchmarkConfig config, const std::vector<std::string>& only) {
  if (only.empty()) return config;
  std::vector<std::string> names;
  for (const auto& task : config.tasks) names.push_back(task.name);
  for (const auto& name : only)
    check(contains(names, name), "the benchmark has no task ", printable(name), did_you_mean(name, names),
          "; its tasks: ", join(names, ", "));
  std::erase_if(config.tasks, [&](const TransferTask& task) { return !contains(only, task.name); });
  std::erase_if(config.groups, [&](const auto& group) {
    return std::none_of(config.tasks.begin(), config.tasks.end(),
                        [&](const auto& task) { return task.group == group.first; });
  });
  return config;
}

PretrainConfig recipe_of(const TokenBenchmarkConfig& config, const TransferTask& task, uint64_t seed) {
  const std::string where = concat("task ", printable(task.name));
  std::vector<std::string> changes;
  if (const auto group = config.groups.find(task.group); group != config.groups.end()) changes = group->second;
  changes.insert(changes.end(), task.set.begin(), task.set.end());
  PretrainConfig recipe = with_changes(config.recipe, changes, where);
  check(recipe.seed == config.recipe.seed, where, ": sets seed; set 'seeds' of the benchmark instead");
  if (!recipe.init.empty()) recipe.model = {};  // that of init
  recipe = with_model(recipe);
  recipe.out = folder_of(config, task, seed).string();
  recipe.seed = seed;
  recipe.model.domains_in = task.input;
  recipe.model.domains_out = {task.target};
  recipe.masking = whole_modalities(recipe, task);
  return recipe;
}

void check_benchmark(const TokenBenchmarkConfig& config) {
  check(!config.tasks.empty(), "the benchmark has no tasks");
  check(!config.seeds.empty(), "the benchmark has no seeds");
  check(config.recipe.seed == 0, "recipe.seed is ", config.recipe.seed, ": set 'seeds' of the benchmark instead");
  check(!config.out.empty(), "the benchmark has no folder for its runs: set 'out'");
  std::vector<std::string> names;
  for (const auto& task : config.tasks) {
    check(!task.name.empty() && task.name.find('/') == std::string::npos && !task.name.starts_with('.'),
          "a task has the name ", printable(task.name), ", which cannot be the name of a folder");
    check(!contains(names, task.name), "two tasks have the name ", printable(task.name));
    check(!task.input.empty() && !task.target.empty(), "task ", printable(task.name), ": input or target is missing");
    names.push_back(task.name);
    resolved(recipe_of(config, task, config.seeds[0]));
  }
  for (const auto& [group, changes] : config.groups)
    check(std::any_of(config.tasks.begin(), config.tasks.end(), [&](const auto& task) { return task.group == group; }),
          "groups: no task is of the group ", printable(group));
}

BenchmarkResult finished_tasks(const TokenBenchmarkConfig& config) {
  BenchmarkResult result;
  for (const TransferTask& task : config.tasks) {
    BenchmarkResult::Task done{task.name, task.group, {}};
    for (const uint64_t seed : config.seeds)
      if (const auto run = read_result(folder_of(config, task, seed))) done.runs.push_back(*run);
    if (done.runs.size() == config.seeds.size()) {
      result.tasks.push_back(std::move(done));
    } else {
      ++result.missing;
      result.unfinished_groups.push_back(task.group);
    }
  }
  return result;
}

BenchmarkResult run_token_benchmark(const TokenBenchmarkConfig& config, const StopToken& stop) {
  check_benchmark(config);
  for (const uint64_t seed : config.seeds)
    for (size_t i = 0; i < config.tasks.size() && !(stop && stop()); ++i) {
      const TransferTask& task = config.tasks[i];
      note("task ", i + 1, " of ", config.tasks.size(), ": ", task.name, ", seed ", seed);
      run_experiment(recipe_of(config, task, seed), Keep::kRecords, stop);
    }
  const BenchmarkResult result = finished_tasks(config);  // those of other processes too
  if (result.missing == 0) {
    write_json(fs::path(config.out) / "benchmark.json", to_json(result));
    write_file(fs::path(config.out) / "benchmark.md", benchmark_table(result));
  }
  return result;
}

std::string benchmark_table(const BenchmarkResult& result) {
  std::string text = "| task | group | loss | best step | minutes |\n|---|---|---|---|---|\n";
  for (const auto& task : result.tasks) {
    std::vector<std::string> steps;
    double seconds = 0;
    for (const RunResult& run : task.runs) {
      steps.push_back(std::to_string(run.step));
      seconds += run.seconds;
    }
    text += concat("| ", task.name, " | ", task.group, " | ", with_interval(task.losses(), 4), " | ", join(steps, ", "),
                   " | ", fixed(seconds / 60, 1), " |\n");
  }
  text += "\n| group | mean loss |\n|---|---|\n";
  for (const auto& [name, losses] : result.groups())
    text += concat("| ", name, " | ", with_interval(losses, 4), " |\n");
  if (result.missing == 0) text += concat("| mean of the groups | ", with_interval(result.averages(), 4), " |\n");
  if (result.missing > 0) text += concat("\n", counted(result.missing, "task"), " not finished\n");
  return text;
}

Json to_json(const BenchmarkResult& result) {
  Json json{{"tasks", Json::array()}, {"groups", Json::object()}, {"missing", result.missing}};
  for (const auto& task : result.tasks) {
    Json runs = Json::array();
    for (const RunResult& run : task.runs)
      runs.push_back(
          {{"loss", run.loss}, {"step", run.step}, {"evaluations", run.evaluations}, {"seconds", run.seconds}});
    json["tasks"].push_back({{"name", task.name}, {"group", task.group}, {"losses", task.losses()}, {"runs", runs}});
  }
  for (const auto& [name, losses] : result.groups()) json["groups"][name] = losses;
  if (result.missing == 0) {
    json["averages"] = result.averages();
    json["average"] = spread_of(result.averages()).mean;
  }
  return json;
}

}  // namespace fourm
