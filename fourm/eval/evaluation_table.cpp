#include "fourm/eval/evaluation_table.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));

std::string format(const char* pattern, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

std::string title(const Json& measure) {
  return measure["measure"].get<std::string>() + (measure["better"] == "higher" ? " (higher)" : " (lower)");
}

std::string percent(const Json& measure) {
  return measure["closed"].is_null() ? "-" : concat(std::lround(100 * measure["closed"].get<double>()), " %");
}

std::string block(const Json& input) {
  std::string out = concat("\n", input["given"].get<std::string>(), " ->\n");
  if (input["measures"].empty()) out += "  nothing: all that can be measured is given\n";
  for (const auto& m : input["measures"]) {
    // Degrees and decibels have two figures before the point.
    const int places = m["unit"] == "" ? 3 : 1;
    out += format("  %-38s %8.*f +- %-8.*f %8.*f %9.*f %9s\n", title(m).c_str(), places, m["model"].get<double>(),
                  places, m["interval"].get<double>(), places, m["ceiling"].get<double>(), places,
                  m["baseline"].get<double>(), percent(m).c_str());
  }
  return out;
}

std::string overview(const Json& inputs) {
  std::vector<std::string> titles;
  std::map<std::string, std::map<std::string, std::string>> cells;
  std::string out = format("\n%-40s", "share closed");
  for (const auto& input : inputs) {
    const auto given = input["given"].get<std::string>();
    out += format(" %11s", given.c_str());
    for (const auto& m : input["measures"]) {
      if (!cells.contains(title(m))) titles.push_back(title(m));
      cells[title(m)][given] = percent(m);
    }
  }
  out += "\n";
  for (const auto& name : titles) {
    out += format("  %-38s", name.c_str());
    for (const auto& input : inputs) out += format(" %11s", cells[name][input["given"].get<std::string>()].c_str());
    out += "\n";
  }
  return out;
}

}  // namespace

std::string evaluation_table(const Json& report) {
  std::string out = concat(counted(report["samples"], "sample"), " of ", report["data"].get<std::string>(), "\n\n");
  out += format("%-40s %8s %-11s %8s %9s %9s\n", "measure", "model", "   (95 %)", "ceiling", "baseline", "closed");
  for (const auto& input : report["inputs"]) out += block(input);
  if (report["inputs"].size() > 1) out += overview(report["inputs"]);
  if (!report["not_measured"].empty()) out += "\nnot measured\n";
  for (const auto& item : report["not_measured"])
    out += concat("  ", item["what"].get<std::string>(), ": ", item["reason"].get<std::string>(), "\n");
  return out;
}

}  // namespace fourm
