#include "fourm/train/curves.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "fourm/core/json.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

struct Point {
  double step, value;
};

struct Panel {
  std::vector<Point> train, eval;
};

constexpr int kColumns = 3, kWidth = 300, kHeight = 190, kLeft = 58, kRight = 12, kTop = 30, kBottom = 26, kTitle = 34;

std::map<std::string, Panel> panels_of(std::string_view text) {
  static const std::set<std::string> kLeftOut{"lr", "seconds", "gradient_norm", "targets"};
  std::map<std::string, Panel> panels;
  for (const auto& line : split(std::string(text), '\n')) {
    const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!record.is_object() || !record.contains("step") || !record["step"].is_number()) continue;
    for (const char* kind : {"train", "eval"}) {
      if (!record.contains(kind) || !record[kind].is_object()) continue;
      for (const auto& [name, value] : record[kind].items()) {
        if (!value.is_number() || kLeftOut.contains(name)) continue;
        Panel& panel = panels[name];
        (kind[0] == 't' ? panel.train : panel.eval).push_back({record["step"].get<double>(), value.get<double>()});
      }
    }
  }
  return panels;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

// One panel with its corner at (x, y).
void draw(std::ostream& out, const std::string& name, const Panel& panel, double last_step, int x, int y) {
  double low = INFINITY, high = -INFINITY;
  for (const auto* points : {&panel.train, &panel.eval})
    for (const Point& p : *points) low = std::min(low, p.value), high = std::max(high, p.value);
  const bool flat = high <= low;
  if (flat) high = low + 1;
  const auto at_x = [&](double step) {
    return x + kLeft + (kWidth - kLeft - kRight) * step / std::max(1.0, last_step);
  };
  const auto at_y = [&](double value) {
    return y + kHeight - kBottom - (kHeight - kTop - kBottom) * (value - low) / (high - low);
  };
  const auto label = [&](double px, double py, const char* anchor, const std::string& text) {
    out << "<text x=\"" << px << "\" y=\"" << py << "\" text-anchor=\"" << anchor << "\">" << text << "</text>\n";
  };
  out << "<text class=\"name\" x=\"" << x + kLeft << "\" y=\"" << y + kTop - 10 << "\">" << escaped(name)
      << "</text>\n";
  out << "<path class=\"axis\" d=\"M" << x + kLeft << " " << y + kTop << "V" << y + kHeight - kBottom << "H"
      << x + kWidth - kRight << "\"/>\n";
  if (!flat) label(x + kLeft - 5, at_y(high) + 4, "end", number(high));
  label(x + kLeft - 5, at_y(low) + 4, "end", number(low));
  label(x + kWidth - kRight, y + kHeight - 10, "end", "step " + number(last_step));
  if (!panel.train.empty()) {
    out << "<polyline class=\"train\" points=\"";
    for (const Point& p : panel.train) out << at_x(p.step) << "," << at_y(p.value) << " ";
    out << "\"/>\n";
  }
  for (const Point& p : panel.eval)
    out << "<circle class=\"eval\" cx=\"" << at_x(p.step) << "\" cy=\"" << at_y(p.value) << "\" r=\"2.5\"/>\n";
}

}  // namespace

std::string curves_svg(std::string_view metrics_jsonl, const std::string& title) {
  const auto panels = panels_of(metrics_jsonl);
  double last_step = 0;
  for (const auto& [name, panel] : panels)
    for (const auto* points : {&panel.train, &panel.eval})
      for (const Point& p : *points) last_step = std::max(last_step, p.step);
  const int rows = (static_cast<int>(panels.size()) + kColumns - 1) / kColumns;
  const int width = kColumns * kWidth, height = kTitle + std::max(1, rows) * kHeight;
  std::ostringstream out;
  out.precision(5);
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << width << " " << height << "\" width=\"" << width
      << "\" height=\"" << height << "\">\n"
      << "<style>text{font:11px system-ui,sans-serif;fill:#555}.name{font-weight:600;fill:#222}.title{font-size:15px;"
         "font-weight:600;fill:#222}.axis{fill:none;stroke:#bbb}.train{fill:none;stroke:#3b76c4;stroke-width:1.3}"
         ".eval{fill:#d9662b}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
      << "<text class=\"title\" x=\"12\" y=\"23\">" << escaped(title) << "</text><text x=\"" << width - 12
      << "\" y=\"23\" text-anchor=\"end\">line: training, dots: evaluation</text>\n";
  int i = 0;
  for (const auto& [name, panel] : panels) {
    draw(out, name, panel, last_step, i % kColumns * kWidth, kTitle + i / kColumns * kHeight);
    ++i;
  }
  out << "</svg>\n";
  return out.str();
}

}  // namespace fourm
