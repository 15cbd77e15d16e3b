#include "fourm/experiments/ablation.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/sha256.h"
#include "fourm/core/strings.h"
#include "fourm/draw/plot.h"
#include "fourm/experiments/spread.h"

namespace fourm {
namespace {

// Names the run of a recipe, wherever it is and however it was begun.
std::string hash_of(const PretrainConfig& recipe, const std::string& what) {
  PretrainConfig plain = recipe;
  plain.out.clear();
  return sha256_hex(what + yaml_text(to_yaml(plain))).substr(0, 12);
}

std::vector<double> averages_of(const AblationResult::Value& value) {
  std::vector<double> averages;
  for (const auto& seed : value.seeds) averages.push_back(seed.averages()[0]);
  return averages;
}

std::vector<std::string> groups_of(const AblationResult& result) {
  std::vector<std::string> names;
  for (const auto& value : result.values)
    for (const auto& seed : value.seeds)
      for (const auto& group : seed.groups())
        if (!contains(names, group.name)) names.push_back(group.name);
  return names;
}

// The group's mean loss of each seed.
std::vector<double> losses_of(const AblationResult::Value& value, const std::string& group) {
  std::vector<double> losses;
  for (const auto& seed : value.seeds)
    for (const auto& own : seed.groups())
      if (own.name == group) losses.push_back(own.losses[0]);
  return losses;
}

// "a < b < c" by falling quality; nothing for values without a number.
template <class Number>
std::string order_of(const AblationResult& result, const Number& number) {
  std::vector<std::pair<double, std::string>> ranked;
  for (const auto& value : result.values)
    if (const std::optional<double> loss = number(value)) ranked.emplace_back(*loss, value.value.name);
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (const auto& [loss, name] : ranked) names.push_back(name);
  return join(names, " < ");
}

PlotPoint point_of(double x, const std::vector<double>& losses) {
  const Spread spread = spread_of(losses);
  return {x, spread.mean, spread.deviation};
}

double x_of(const AblationResult& result, size_t i) {
  return result.values[i].value.x.value_or(static_cast<double>(i));
}

// What is not finished of a run, as far as no other process works on it.
void run_one(const AblationRun& run, bool pretrain, const StopToken& stop) {
  if (pretrain && !run_experiment(run.pretraining, Keep::kModel, stop)) return;
  run_token_benchmark(run.benchmark, stop);
}

}  // namespace

AblationRun run_of(const AblationConfig& config, const AblationValue& value, uint64_t seed) {
  AblationRun run;
  PretrainConfig reference;
  load_config(config.recipe, {}, reference);
  run.pretraining = with_changes(reference, value.set, concat("the value ", printable(value.name)));
  run.pretraining.seed = seed;
  const std::string hash = hash_of(run.pretraining, value.pretrain ? "" : "without pre-training");
  const fs::path folder = fs::path(config.out) / "runs" / hash;
  run.pretraining.out = folder.string();

  load_config(config.benchmark, {}, run.benchmark);
  run.benchmark = with_tasks(run.benchmark, config.tasks);
  run.benchmark.out = (folder / "transfer").string();
  run.benchmark.seeds = {seed};
  run.benchmark.recipe.init = value.pretrain ? (folder / "model").string() : "";
  run.benchmark.recipe.model = run.pretraining.model;
  return run;
}

void check_ablation(const AblationConfig& config) {
  for (const auto& [key, text] : {std::pair{"out", config.out},
                                  {"name", config.name},
                                  {"recipe", config.recipe},
                                  {"benchmark", config.benchmark}})
    check(!text.empty(), "the ablation lacks '", key, "'");
  check(!config.values.empty() && !config.seeds.empty(), "the ablation has no values or no seeds");
  for (const auto& value : config.values) {
    AblationRun run = run_of(config, value, config.seeds[0]);
    if (value.pretrain) resolved(run.pretraining);
    run.benchmark.recipe.init.clear();  // it is made by the pre-training
    run.benchmark.recipe.model = run.pretraining.model;
    check_benchmark(run.benchmark);
  }
}

AblationResult run_ablation(const AblationConfig& config, const StopToken& stop) {
  check_ablation(config);
  for (const uint64_t seed : config.seeds)
    for (const AblationValue& value : config.values) {
      if (stop && stop()) break;
      note(config.title, ": ", value.name, ", seed ", seed);
      run_one(run_of(config, value, seed), value.pretrain, stop);
    }
  AblationResult result{config.title, config.source, {}, 0};
  for (const AblationValue& value : config.values) {
    result.values.push_back({value, {}});
    for (const uint64_t seed : config.seeds) {
      BenchmarkResult benchmark =
          finished_tasks(run_of(config, value, seed).benchmark);  // those of other processes too
      if (benchmark.missing == 0)
        result.values.back().seeds.push_back(std::move(benchmark));
      else
        ++result.missing;
    }
  }
  if (result.missing == 0) {
    const std::string base = (fs::path(config.out) / config.name).string();
    write_file(base + ".md", ablation_table(result));
    write_file(base + ".svg", ablation_svg(result));
    write_json(base + ".json", to_json(result));
  }
  return result;
}

std::string ablation_table(const AblationResult& result) {
  const auto groups = groups_of(result);
  std::string text = concat("| ", result.title), line = "\n|---";
  for (const auto& group : groups) text += concat(" | ", group), line += "|---";
  text += concat(" | average | deviation | seeds | paper (", result.source, ") |", line, "|---|---|---|---|\n");
  for (const auto& value : result.values) {
    text += concat("| ", value.value.name);
    for (const auto& group : groups) {
      const auto losses = losses_of(value, group);
      text += concat(" | ", losses.empty() ? "-" : fixed(spread_of(losses).mean, 3));
    }
    const auto averages = averages_of(value);
    text += concat(" | ", averages.empty() ? "-" : with_interval(averages, 3), " | ",
                   averages.size() < 2 ? "-" : fixed(spread_of(averages).deviation, 3), " | ", averages.size(), " | ",
                   value.value.paper ? fixed(*value.value.paper, 2) : "-", " |\n");
  }
  const std::string own = order_of(result, [](const AblationResult::Value& value) -> std::optional<double> {
    if (value.seeds.empty()) return {};
    return spread_of(averages_of(value)).mean;
  });
  const std::string paper = order_of(result, [](const AblationResult::Value& value) { return value.value.paper; });
  text += concat("\nAverages have their 95 % interval over seeds (Student's t).\n\nOrder by average loss: ", own, "\n");
  if (!paper.empty()) text += concat("Order in the paper: ", paper, "\n");
  if (result.missing > 0) text += concat("\n", counted(result.missing, "benchmark"), " not finished\n");
  return text;
}

Json to_json(const AblationResult& result) {
  Json json{{"title", result.title}, {"source", result.source}, {"values", Json::array()}, {"missing", result.missing}};
  for (const auto& value : result.values) {
    Json row{{"name", value.value.name}, {"averages", averages_of(value)}, {"groups", Json::object()}};
    for (const auto& group : groups_of(result)) row["groups"][group] = losses_of(value, group);
    if (!value.seeds.empty()) {
      const Spread spread = spread_of(averages_of(value));
      row["mean"] = spread.mean;
      row["deviation"] = spread.deviation;
      row["interval"] = spread.half_width;
    }
    if (value.value.paper) row["paper"] = *value.value.paper;
    json["values"].push_back(std::move(row));
  }
  return json;
}

std::string ablation_svg(const AblationResult& result) {
  Plot plot{result.title, "bars: standard deviation over seeds", result.title, false, {}};
  const auto panel = [&](const std::string& name, const auto& losses) {
    PlotPanel made{name, {PlotSeries{}}};
    for (size_t i = 0; i < result.values.size(); ++i)
      if (const std::vector<double> found = losses(result.values[i]); !found.empty())
        made.series[0].points.push_back(point_of(x_of(result, i), found));
    std::sort(made.series[0].points.begin(), made.series[0].points.end(),
              [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
    if (!made.series[0].points.empty()) plot.panels.push_back(std::move(made));
  };
  panel("average loss", averages_of);
  for (const auto& group : groups_of(result))
    panel(group, [&](const AblationResult::Value& value) { return losses_of(value, group); });
  panel(concat("paper, ", result.source), [](const AblationResult::Value& value) {
    return value.value.paper ? std::vector<double>{*value.value.paper} : std::vector<double>{};
  });
  return plot_svg(plot);
}

}  // namespace fourm
