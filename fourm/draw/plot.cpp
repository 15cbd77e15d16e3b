#include "fourm/draw/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <sstream>

#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr int kColumns = 3, kWidth = 300, kHeight = 190, kLeft = 58, kRight = 12, kTop = 30, kBottom = 26, kTitle = 34,
              kLegend = 20, kLegendWidth = 110;
constexpr const char* kColours[] = {"#3b76c4", "#d9662b", "#3c9a4e", "#9457b0",
                                    "#b58a1b", "#3aa6a6", "#c4476f", "#666666"};
constexpr size_t kColourCount = std::size(kColours);

struct Extent {
  double low = INFINITY, high = -INFINITY;
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

// One panel with its corner at (x, y).
void draw(std::ostream& out, const Plot& plot, const PlotPanel& panel, const Extent& over, int x, int y) {
  Extent values;
  for (const auto& series : panel.series)
    for (const PlotPoint& p : series.points) values.add(p.y - p.half_width), values.add(p.y + p.half_width);
  const bool is_flat = values.high <= values.low;
  if (is_flat) values.high = values.low + 1;
  const double range = over.high > over.low ? over.high - over.low : 1;
  const auto at_x = [&](double at) { return x + kLeft + (kWidth - kLeft - kRight) * (at - over.low) / range; };
  const auto at_y = [&](double value) {
    return y + kHeight - kBottom - (kHeight - kTop - kBottom) * (value - values.low) / (values.high - values.low);
  };
  const auto label = [&](double px, double py, const char* anchor, const std::string& text) {
    out << "<text x=\"" << px << "\" y=\"" << py << "\" text-anchor=\"" << anchor << "\">" << text << "</text>\n";
  };
  out << "<text class=\"name\" x=\"" << x + kLeft << "\" y=\"" << y + kTop - 10 << "\">" << html_escaped(panel.name)
      << "</text>\n";
  out << "<path class=\"axis\" d=\"M" << x + kLeft << " " << y + kTop << "V" << y + kHeight - kBottom << "H"
      << x + kWidth - kRight << "\"/>\n";
  if (!is_flat) label(x + kLeft - 5, at_y(values.high) + 4, "end", number(values.high));
  label(x + kLeft - 5, at_y(values.low) + 4, "end", number(values.low));
  if (!plot.from_zero) label(x + kLeft, y + kHeight - 10, "start", number(over.low));
  label(x + kWidth - kRight, y + kHeight - 10, "end", plot.x_name + " " + number(over.high));
  for (size_t i = 0; i < panel.series.size(); ++i) {
    const PlotSeries& series = panel.series[i];
    const std::string colour = "c" + std::to_string(i % kColourCount);
    if (series.has_line && !series.points.empty()) {
      out << "<polyline class=\"" << colour << " line\" points=\"";
      for (const PlotPoint& p : series.points) out << at_x(p.x) << "," << at_y(p.y) << " ";
      out << "\"/>\n";
    }
    for (const PlotPoint& p : series.points) {
      if (p.half_width > 0)
        out << "<path class=\"" << colour << " line\" d=\"M" << at_x(p.x) << " " << at_y(p.y - p.half_width) << "V"
            << at_y(p.y + p.half_width) << "\"/>\n";
      if (series.has_dots)
        out << "<circle class=\"" << colour << " dot\" cx=\"" << at_x(p.x) << "\" cy=\"" << at_y(p.y)
            << "\" r=\"2.5\"/>\n";
    }
  }
}

void draw_style(std::ostream& out) {
  out << "<style>text{font:11px system-ui,sans-serif;fill:#555}.name{font-weight:600;fill:#222}.title{font-size:15px;"
         "font-weight:600;fill:#222}.axis{fill:none;stroke:#bbb}.line{stroke-width:1.3}";
  for (size_t i = 0; i < kColourCount; ++i)
    out << ".c" << i << "{stroke:" << kColours[i] << ";fill:" << kColours[i] << "}.c" << i << ".line{fill:none}";
  out << ".dot{stroke:none}</style>\n";
}

}  // namespace

std::string plot_svg(const Plot& plot) {
  Extent over;
  if (plot.from_zero) over.add(0);
  for (const auto& panel : plot.panels)
    for (const auto& series : panel.series)
      for (const PlotPoint& p : series.points) over.add(p.x);
  std::vector<std::string> names;
  if (!plot.panels.empty())
    for (const auto& series : plot.panels[0].series) names.push_back(series.name);
  const bool has_legend = std::any_of(names.begin(), names.end(), [](const auto& name) { return !name.empty(); });
  const int top = kTitle + (has_legend ? kLegend : 0);
  const int rows = (static_cast<int>(plot.panels.size()) + kColumns - 1) / kColumns;
  const int width = kColumns * kWidth, height = top + std::max(1, rows) * kHeight;
  std::ostringstream out;
  out.precision(5);
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << width << " " << height << "\" width=\"" << width
      << "\" height=\"" << height << "\">\n";
  draw_style(out);
  out << "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text class=\"title\" x=\"12\" y=\"23\">"
      << html_escaped(plot.title) << "</text><text x=\"" << width - 12 << "\" y=\"23\" text-anchor=\"end\">"
      << html_escaped(plot.note) << "</text>\n";
  for (size_t i = 0; has_legend && i < names.size(); ++i)
    out << "<text class=\"c" << i % kColourCount << " dot\" x=\"" << 12 + kLegendWidth * static_cast<int>(i)
        << "\" y=\"" << kTitle + 8 << "\">" << html_escaped(names[i]) << "</text>\n";
  for (size_t i = 0; i < plot.panels.size(); ++i) {
    const int at = static_cast<int>(i);
    draw(out, plot, plot.panels[i], over, at % kColumns * kWidth, top + at / kColumns * kHeight);
  }
  out << "</svg>\n";
  return out.str();
}

}  // namespace fourm
