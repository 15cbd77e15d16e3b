// Measures over a number as an SVG image, one panel for each measure.
#pragma once

#include <string>
#include <vector>

namespace fourm {

struct PlotPoint {
  double x, y;
  double half_width = 0;  ///< of an interval around y, drawn as a bar; 0: none
};

struct PlotSeries {
  std::string name{};  ///< in the legend; empty: none
  bool has_line = true, has_dots = true;
  std::vector<PlotPoint> points{};
};

struct PlotPanel {
  std::string name;
  std::vector<PlotSeries> series;  ///< the same in all panels, each in its colour; may be empty of points
};

struct Plot {
  std::string title, note;  ///< above the panels, left and right
  std::string x_name;       ///< "step"
  bool from_zero = false;   ///< the axis of x begins at 0, otherwise at the smallest x
  std::vector<PlotPanel> panels;
};

/// The panels in rows as one SVG image. A panel without points is empty.
std::string plot_svg(const Plot& plot);

}  // namespace fourm
