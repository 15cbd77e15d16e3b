#include "fourm/train/curves.h"

#include <map>

#include "fourm/draw/plot.h"
#include "fourm/train/records.h"

namespace fourm {
namespace {

using Panels = std::map<std::string, PlotPanel>;

// What progress_svg() shows: by the names of records.
const std::map<std::string, std::string>& progress_names() {
  static const std::map<std::string, std::string> kNames{{"lr", "learning rate"},
                                                         {"gradient_norm", "gradient norm"},
                                                         {"seconds", "samples per second"},
                                                         {"wait_seconds", "seconds waited for a micro-batch"},
                                                         {"skipped_steps", "skipped steps"}};
  return kNames;
}

// A panel for each name of the records: a line of training, dots of evaluations.
Panels panels_of(std::string_view metrics_jsonl) {
  Panels panels;
  for (const Record& record : parse_records(metrics_jsonl))
    for (const auto& [name, value] : record.values.items()) {
      if (!value.is_number()) continue;
      PlotPanel& panel = panels[name];
      if (panel.series.empty()) panel = {name, {{.has_dots = false}, {.has_line = false}}};
      panel.series[record.kind == "train" ? 0 : 1].points.push_back(
          {static_cast<double>(record.step), value.get<double>()});
    }
  return panels;
}

}  // namespace

std::string curves_svg(std::string_view metrics_jsonl, const std::string& title) {
  Plot plot{title, "line: training, dots: evaluation", "step", true, {}};
  for (auto& [name, panel] : panels_of(metrics_jsonl))
    if (name != "targets" && !progress_names().contains(name)) plot.panels.push_back(std::move(panel));
  return plot_svg(plot);
}

std::string progress_svg(std::string_view metrics_jsonl, const std::string& title, double samples) {
  Plot plot{title, "", "step", true, {}};
  Panels panels = panels_of(metrics_jsonl);
  for (const auto& [name, shown] : progress_names()) {
    const auto found = panels.find(name);
    if (found == panels.end()) continue;
    PlotPanel& panel = found->second;
    panel.name = shown;
    if (name == "seconds")
      for (PlotPoint& point : panel.series[0].points) point.y = samples / point.y;
    plot.panels.push_back(std::move(panel));
  }
  return plot_svg(plot);
}

}  // namespace fourm
