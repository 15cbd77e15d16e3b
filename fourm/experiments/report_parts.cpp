#include "fourm/experiments/report_parts.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "fourm/core/strings.h"
#include "fourm/experiments/spread.h"
#include "fourm/train/records.h"

namespace fourm {
namespace {

// The parts of a path, the last one first.
std::vector<std::string> parts_of(const fs::path& path) {
  fs::path whole = fs::absolute(path).lexically_normal();
  if (!whole.has_filename() || whole.filename() == "benchmark.json") whole = whole.parent_path();
  if (fs::is_regular_file(whole)) whole.replace_extension();
  std::vector<std::string> parts;
  for (const auto& part : whole.relative_path()) parts.insert(parts.begin(), part.string());
  return parts;
}

}  // namespace

std::string shown_number(double value) {
  if (value == std::round(value) && std::abs(value) < 1e15) return fixed(value, 0);
  return fixed(value, std::abs(value) >= 100 ? 1 : std::abs(value) >= 10 ? 2 : 4);
}

std::map<std::string, std::string>& ReportRows::operator[](const std::string& name) {
  if (!cells_.contains(name)) order_.push_back(name);
  return cells_[name];
}

DocumentTable ReportRows::table(const std::string& caption, const std::string& first,
                                const std::vector<std::string>& columns) const {
  DocumentTable table{caption, {first}, {}};
  table.header.insert(table.header.end(), columns.begin(), columns.end());
  for (const auto& name : order_) {
    std::vector<std::string> row{name};
    for (const auto& column : columns) {
      const auto cell = cells_.at(name).find(column);
      row.push_back(cell == cells_.at(name).end() ? "-" : cell->second);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::vector<std::string> distinct_names(const std::vector<fs::path>& paths) {
  std::vector<std::vector<std::string>> parts;
  size_t most = 1;
  for (const auto& path : paths) most = std::max(most, parts.emplace_back(parts_of(path)).size());
  std::vector<std::string> names(paths.size());
  for (size_t n = 0; n < most; ++n) {
    for (size_t i = 0; i < paths.size(); ++i)
      if (n < parts[i].size()) names[i] = parts[i][n] + (n ? "/" : "") + names[i];
    if (std::set<std::string>(names.begin(), names.end()).size() == names.size()) break;
  }
  return names;
}

std::map<std::string, std::vector<PlotPoint>> evaluations_in(const fs::path& run) {
  std::map<std::string, std::vector<PlotPoint>> measures;
  for (const Record& record : read_records(run / "metrics.jsonl")) {
    if (record.kind != "eval") continue;
    for (const auto& [name, value] : record.values.items())
      if (value.is_number()) measures[name].push_back({static_cast<double>(record.step), value.get<double>()});
  }
  return measures;
}

PlotPanel panel_of(const std::string& name, const std::vector<std::string>& runs) {
  PlotPanel panel{name, {}};
  for (const auto& run : runs) {
    PlotSeries series;
    series.name = runs.size() > 1 ? run : "";
    panel.series.push_back(std::move(series));
  }
  return panel;
}

DocumentFigure plot_of(const std::string& title, std::vector<PlotPanel> panels) {
  return {title, ".svg", plot_svg({title, "evaluations", "step", true, std::move(panels)})};
}

}  // namespace fourm
