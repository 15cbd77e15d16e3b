#include "fourm/experiments/finetune_report.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "fourm/core/config.h"
#include "fourm/core/strings.h"
#include "fourm/experiments/spread.h"
#include "fourm/transfer/measure.h"

namespace fourm {
namespace {

// The evaluation with the best main measure of the task; of no evaluation nothing.
std::optional<PlotPoint> best_evaluation(const FinetuneRun& run) {
  const auto found = run.evaluations.find(main_measure(parse_task(run.recipe.task)));
  if (found == run.evaluations.end() || found->second.empty()) return {};
  const auto& points = found->second;
  return *std::max_element(points.begin(), points.end(),
                           [](const PlotPoint& a, const PlotPoint& b) { return a.y < b.y; });
}

// The names of the starts of runs by their paths: "rooms-ti" of models/rooms-ti, unless another start has that name too.
std::map<std::string, std::string> start_names(const std::vector<FinetuneRun>& runs) {
  std::vector<std::string> starts;
  for (const auto& run : runs)
    if (!run.recipe.init.empty() && !contains(starts, run.recipe.init)) starts.push_back(run.recipe.init);
  const std::vector<std::string> distinct = distinct_names({starts.begin(), starts.end()});
  std::map<std::string, std::string> names{{"", "from scratch"}};
  for (size_t i = 0; i < starts.size(); ++i) names[starts[i]] = distinct[i];
  return names;
}

// Runs of one start on one task, data set and fraction of the labels: by setting and seed, the best main measure.
struct Cell {
  std::map<std::string, std::map<uint64_t, double>> settings;

  void add(const FinetuneRecipe& recipe, double value) {
    FinetuneRecipe setting = recipe;
    setting.out.clear();
    setting.seed = 0;
    setting.training.threads = 0;
    settings[yaml_text(to_yaml(setting))][recipe.seed] = value;
  }
  // The values of the setting that counts, one a seed.
  std::vector<double> values() const {
    std::vector<double> best;
    for (const auto& [setting, by_seed] : settings) {
      std::vector<double> own;
      for (const auto& [seed, value] : by_seed) own.push_back(value);
      if (own.size() > best.size() || (own.size() == best.size() && spread_of(own).mean > spread_of(best).mean))
        best = own;
    }
    return best;
  }
};

}  // namespace

std::optional<FinetuneRun> read_finetune_run(const std::string& name, const fs::path& folder) {
  const fs::path file = folder / "recipe.yaml";
  if (!fs::exists(file)) return {};
  YAML::Node stored = read_yaml(file);
  const YAML::Node& node = stored;
  if (!node.IsMap() || !node["task"].IsDefined() || !node["head"].IsDefined()) return {};
  FinetuneRun run{name, folder, {}, {}};
  FinetuneRecipe::migrate_run(stored, file.string(), /*format=*/1);
  read_config(stored, run.recipe, file.string());
  run.evaluations = evaluations_in(folder);
  return run;
}

DocumentSection finetune_comparison(const std::vector<FinetuneRun>& runs) {
  using Row = std::tuple<std::string, std::string, double>;  // task, data set, fraction of the labels
  const std::map<std::string, std::string> names = start_names(runs);
  std::vector<std::string> starts;
  std::map<Row, std::map<std::string, Cell>> rows;
  for (const auto& run : runs) {
    const std::string start = names.at(run.recipe.init) + (run.recipe.frozen ? ", frozen" : "");
    if (!contains(starts, start)) starts.push_back(start);
    const auto best = best_evaluation(run);
    if (best) rows[{run.recipe.task, run.recipe.data.path, run.recipe.fraction}][start].add(run.recipe, best->y);
  }
  DocumentSection section{
      "Fine-tuning",
      "The main measure of each task at its best evaluation: the mean over seeds, and the half-width of its 95 % "
      "interval (Student's t). Where runs differ in more than the seed, such as the learning rate, the setting with "
      "the most seeds counts, and of these the best."};
  DocumentTable table{"", {"task", "data", "measure", "labels, %"}, {}};
  table.header.insert(table.header.end(), starts.begin(), starts.end());
  std::vector<PlotPanel> panels;
  for (const auto& [row, cells] : rows) {
    const auto& [task, data, fraction] = row;
    const std::string main = main_measure(parse_task(task));
    table.rows.push_back({task, data, main, shown_number(100 * fraction)});
    const bool several = std::any_of(rows.begin(), rows.end(), [&, task = task, data = data](const auto& other) {
      return std::get<0>(other.first) == task && std::get<1>(other.first) != data;
    });
    const std::string panel = concat(task, several ? " on " + data : "", ", ", main);
    if (panels.empty() || panels.back().name != panel) panels.push_back(panel_of(panel, starts));
    for (size_t i = 0; i < starts.size(); ++i) {
      const auto found = cells.find(starts[i]);
      table.rows.back().emplace_back("-");
      if (found == cells.end()) continue;
      const std::vector<double> values = found->second.values();
      const Spread spread = spread_of(values);
      table.rows.back().back() = with_interval(values, 3);
      panels.back().series[i].points.push_back({std::log10(100 * fraction), spread.mean, spread.half_width});
    }
  }
  section.tables = {table};
  if (!panels.empty())
    section.figures = {
        {"Initialisations compared", ".svg",
         plot_svg({"Initialisations compared", "95 % intervals over seeds", "log10 of labels, %", false, panels})}};
  return section;
}

DocumentSection finetune_section(const std::string& task, const std::vector<FinetuneRun>& runs) {
  std::vector<std::string> measures;
  ReportRows rows;
  bool has_curves = false;
  for (const auto& run : runs) {
    auto& cells = rows[run.name];
    cells["start"] = run.recipe.init.empty() ? "from scratch" : run.recipe.init;
    cells["learns"] = run.recipe.frozen ? "head" : "all";
    const auto best = best_evaluation(run);
    if (best) cells["step"] = shown_number(best->x);
    for (const auto& [name, points] : run.evaluations) {
      if (!contains(measures, name)) measures.push_back(name);
      has_curves = has_curves || points.size() > 1;
      for (const PlotPoint& point : points)
        if (best && point.x == best->x) cells[name] = shown_number(point.y);
    }
  }
  std::vector<std::string> columns{"start", "learns", "step"};
  columns.insert(columns.end(), measures.begin(), measures.end());
  DocumentSection section{concat("Fine-tuning: ", task),
                          concat("The evaluation with the best ", main_measure(parse_task(task)), ".")};
  section.tables = {rows.table("", "run", columns)};
  if (!has_curves) return section;
  std::vector<PlotPanel> panels;
  for (const auto& measure : measures) {
    panels.push_back(panel_of(measure, names_of(runs)));
    for (size_t i = 0; i < runs.size(); ++i)
      if (const auto found = runs[i].evaluations.find(measure); found != runs[i].evaluations.end())
        panels.back().series[i].points = found->second;
  }
  section.figures.push_back(plot_of(concat(task, ": held-out set"), std::move(panels)));
  return section;
}

}  // namespace fourm
