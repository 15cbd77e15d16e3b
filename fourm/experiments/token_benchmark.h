// The token benchmark (paper section 5 and appendix E.1): a model is fine-tuned on many tasks, each of which predicts the
// tokens of one modality from all tokens of one or two others. The measure of a task is its best loss on held-out samples, averaged
// over seeds.
#pragma once

#include <map>

#include "fourm/core/json.h"
#include "fourm/experiments/experiment_run.h"

namespace fourm {

struct TransferTask {
  std::string name, group, target;
  std::vector<std::string> input, set;

  template <class Visitor>
  void fields(Visitor& v) {
    v("name", name, "its name in tables; its run folders are OUT/NAME/seedN");
    v("group", group, "tasks of a group are averaged, such as RGB -> X");
    v("input", input, "modalities that are given, all of their tokens");
    v("target", target, "the modality that is predicted, all of its tokens");
    v("set", set, "changes to the recipe for this task: key=value");
  }
};

struct TokenBenchmarkConfig {
  std::string out;
  PretrainConfig recipe;
  std::map<std::string, std::vector<std::string>> groups;
  std::vector<TransferTask> tasks;
  std::vector<uint64_t> seeds{0};

  template <class Visitor>
  void fields(Visitor& v) {
    v("out", out, "folder of the runs and the results; the same command resumes", KeyRole::kChangeable);
    v("recipe", recipe,
      "what all tasks have in common: a pre-training recipe without out, seed, masking and domains; init is the model "
      "that is measured, empty = without pre-training: new weights of recipe.model");
    v("groups", groups, "group -> changes to the recipe for its tasks: key=value");
    v("tasks", tasks, "tasks on which the model is fine-tuned and measured");
    v("seeds", seeds, "each task is run with each seed; several give intervals");
  }
};

struct BenchmarkResult {
  struct Task {
    std::string name, group;
    std::vector<RunResult> runs;         ///< one a seed
    std::vector<double> losses() const;  ///< nats a target token
  };
  struct Group {
    std::string name;
    std::vector<double> losses;  ///< the mean over the tasks, one a seed
  };
  std::vector<Task> tasks;                     ///< those that are finished, in the order of the configuration
  int64_t missing = 0;                         ///< tasks that are not finished
  std::vector<std::string> unfinished_groups;  ///< of the missing tasks

  /// In the order in which groups appear; those with unfinished tasks are left out.
  std::vector<Group> groups() const;
  /// The mean over the groups, as in the paper, one a seed. Error when tasks are missing.
  std::vector<double> averages() const;
};

/// The tasks whose names are in `only` (empty: all), and their groups. Error naming the nearest task on a name that is not there.
TokenBenchmarkConfig with_tasks(TokenBenchmarkConfig config, const std::vector<std::string>& only);

/// The recipe of a task. Error on an unknown modality, and where the task or its group sets `seed`.
PretrainConfig recipe_of(const TokenBenchmarkConfig& config, const TransferTask& task, uint64_t seed);

/// Checks the recipes of all tasks without reading data or weights. Error on no tasks or seeds, two tasks of one name, a recipe.seed
/// that is not 0, and any invalid recipe.
void check_benchmark(const TokenBenchmarkConfig& config);

/// The tasks that are finished with all seeds.
BenchmarkResult finished_tasks(const TokenBenchmarkConfig& config);

/// Runs all tasks that are neither finished nor trained by another process. A task that fails is reported as a warning and does not
/// end the others. Writes OUT/benchmark.json and OUT/benchmark.md when all are finished.
BenchmarkResult run_token_benchmark(const TokenBenchmarkConfig& config, const StopToken& stop = {});

/// A Markdown table of tasks and groups, with 95 % intervals over seeds.
std::string benchmark_table(const BenchmarkResult& result);
Json to_json(const BenchmarkResult& result);

}  // namespace fourm
