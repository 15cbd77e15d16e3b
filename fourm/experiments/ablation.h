// Ablations (paper section 5, Tables 2 and 16 to 30): models that are pre-trained with one setting changed, compared by the
// token benchmark.
#pragma once

#include "fourm/experiments/token_benchmark.h"

namespace fourm {

struct AblationValue {
  std::string name;
  std::vector<std::string> set;
  std::optional<double> x{}, paper{};
  bool pretrain = true;

  template <class Visitor>
  void fields(Visitor& v) {
    v("name", name, "its name in tables");
    v("set", set, "changes to the recipe of the pre-training: key=value; empty = the reference setting");
    v("x", x, "the value as a number, for the plot; default: its place in the list");
    v("paper", paper, "the average loss that the paper reports for it");
    v("pretrain", pretrain, "false: without pre-training, the benchmark starts from new weights");
  }
};

struct AblationConfig {
  std::string out, name, title, source, recipe, benchmark;
  std::vector<std::string> tasks;
  std::vector<uint64_t> seeds{0, 1, 2};
  std::vector<AblationValue> values;

  template <class Visitor>
  void fields(Visitor& v) {
    v("out", out, "folder of the runs and the tables; ablations that share it share equal runs", KeyRole::kChangeable);
    v("name", name, "name of the files OUT/NAME.md, .json and .svg");
    v("title", title, "what is varied: input tokens");
    v("source", source, "its place in the paper: Table 18");
    v("recipe", recipe, "recipe of the reference pre-training, without out");
    v("benchmark", benchmark, "recipe of the token benchmark, without out, init and seeds");
    v("tasks", tasks, "tasks of the benchmark that are measured; empty = all");
    v("seeds", seeds, "each value is trained and measured with each seed");
    v("values", values, "values of the setting that is varied");
  }
};

struct AblationResult {
  struct Value {
    AblationValue value;
    std::vector<BenchmarkResult> seeds;  ///< the finished ones
  };
  std::string title, source;
  std::vector<Value> values;
  int64_t missing = 0;  ///< benchmarks that are not finished
};

/// The runs of one value and seed.
struct AblationRun {
  PretrainConfig pretraining;      ///< unused where the value is without pre-training
  TokenBenchmarkConfig benchmark;  ///< its runs lie in the folder of the pre-training
};
/// Folders are OUT/runs/HASH, by a hash of the recipe.
AblationRun run_of(const AblationConfig& config, const AblationValue& value, uint64_t seed);

/// Checks all recipes without reading data or weights, except those that a finished pre-training determines.
void check_ablation(const AblationConfig& config);

/// Runs what is neither finished nor being run by another process, seed by seed. A run that fails is reported as a warning and does
/// not end the others. Writes the table, the JSON and the plot when all is finished.
AblationResult run_ablation(const AblationConfig& config, const StopToken& stop = {});

/// A Markdown table: the mean loss of each group and their average over seeds with its standard deviation, beside the paper's,
/// and the rankings of the values by both.
std::string ablation_table(const AblationResult& result);
Json to_json(const AblationResult& result);
/// The losses over the values: a panel for the average, one for each group, one for the paper.
std::string ablation_svg(const AblationResult& result);

}  // namespace fourm
