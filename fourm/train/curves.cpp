#include "fourm/train/curves.h"

#include <map>
#include <set>

#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/draw/plot.h"

namespace fourm {

std::string curves_svg(std::string_view metrics_jsonl, const std::string& title) {
  static const std::set<std::string> kLeftOut{"lr", "seconds", "gradient_norm", "targets"};
  std::map<std::string, PlotPanel> panels;
  for (const auto& line : split(std::string(metrics_jsonl), '\n')) {
    const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!record.is_object() || !record.contains("step") || !record["step"].is_number()) continue;
    for (const char* kind : {"train", "eval"}) {
      if (!record.contains(kind) || !record[kind].is_object()) continue;
      for (const auto& [name, value] : record[kind].items()) {
        if (!value.is_number() || kLeftOut.contains(name)) continue;
        PlotPanel& panel = panels[name];
        if (panel.series.empty()) panel = {name, {{.has_dots = false}, {.has_line = false}}};
        panel.series[kind[0] == 't' ? 0 : 1].points.push_back({record["step"].get<double>(), value.get<double>()});
      }
    }
  }
  Plot plot{title, "line: training, dots: evaluation", "step", true, {}};
  for (auto& [name, panel] : panels) plot.panels.push_back(std::move(panel));
  return plot_svg(plot);
}

}  // namespace fourm
