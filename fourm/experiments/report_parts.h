// What the sections of a report are made of.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fourm/draw/document.h"
#include "fourm/draw/plot.h"

namespace fourm {

/// With as many digits as a reader needs: 1, 0.1250, 12.50, 125.0.
std::string shown_number(double value);

/// The rows of a table, in the order in which their names are used first.
class ReportRows {
 public:
  /// The cells of a row, by column.
  std::map<std::string, std::string>& operator[](const std::string& name);
  /// A cell that is not there is "-".
  DocumentTable table(const std::string& caption, const std::string& first,
                      const std::vector<std::string>& columns) const;

 private:
  std::vector<std::string> order_;
  std::map<std::string, std::map<std::string, std::string>> cells_;
};

template <class Item>
std::vector<std::string> names_of(const std::vector<Item>& items) {
  std::vector<std::string> names;
  for (const auto& item : items) names.push_back(item.name);
  return names;
}

/// Of each path the last parts, as many as all need to be distinct, without the extension of a file. Of PATH/benchmark.json
/// the folder counts.
std::vector<std::string> distinct_names(const std::vector<fs::path>& paths);

/// The evaluations in RUN/metrics.jsonl, by measure; lines that are no records are ignored.
std::map<std::string, std::vector<PlotPoint>> evaluations_in(const fs::path& run);

/// A panel with a series, still without points, for each of the runs.
PlotPanel panel_of(const std::string& name, const std::vector<std::string>& runs);
/// Evaluations over steps.
DocumentFigure plot_of(const std::string& title, std::vector<PlotPanel> panels);

}  // namespace fourm
