#include "fourm/eval/report.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <vector>

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

std::string title(const Comparison& measure) { return measure.name + (measure.higher ? " (higher)" : " (lower)"); }

std::string percent(const Comparison& measure) {
  const std::optional<double> closed = measure.gap_closed();
  return closed ? format("%ld %%", std::lround(100 * *closed)) : "-";
}

std::string block(const EvaluationResult::InputSet& set) {
  std::string out = "\n" + set.inputs + " ->\n";
  if (set.measures.empty()) out += "  nothing: every modality that can be measured is an input\n";
  for (const auto& m : set.measures) {
    // Degrees and decibels have two figures before the point.
    const int places = m.unit == "degrees" || m.unit == "dB" ? 1 : 3;
    out += format("  %-45s %8.*f +- %-8.*f %8.*f %9.*f %9s\n", title(m).c_str(), places, m.model.mean, places,
                  m.model.half_width, places, m.ceiling, places, m.baseline, percent(m).c_str());
  }
  return out;
}

std::string overview(const std::vector<EvaluationResult::InputSet>& sets) {
  std::vector<std::string> titles;
  std::map<std::string, std::map<std::string, std::string>> cells;
  std::string out = format("\n%-47s", "gap closed");
  for (const auto& set : sets) {
    out += format(" %11s", set.inputs.c_str());
    for (const auto& m : set.measures) {
      if (!cells.contains(title(m))) titles.push_back(title(m));
      cells[title(m)][set.inputs] = percent(m);
    }
  }
  out += "\n";
  for (const auto& name : titles) {
    out += format("  %-45s", name.c_str());
    for (const auto& set : sets) out += format(" %11s", cells[name][set.inputs].c_str());
    out += "\n";
  }
  return out;
}

}  // namespace

Json to_json(const Comparison& c) {
  const std::optional<double> closed = c.gap_closed();
  return {{"measure", c.name},
          {"unit", c.unit},
          {"better", c.higher ? "higher" : "lower"},
          {"model", c.model.mean},
          {"interval", c.model.half_width},
          {"samples", c.model.count},
          {"ceiling", c.ceiling},
          {"baseline", c.baseline},
          {"closed", closed ? Json(*closed) : Json()}};
}

Json to_json(const EvaluationResult& result) {
  Json json{{"data", result.data},
            {"samples", result.samples},
            {"left_out", result.left_out},
            {"inputs", Json::array()},
            {"not_measured", Json::array()}};
  for (const auto& set : result.input_sets) {
    Json measures = Json::array();
    for (const auto& measure : set.measures) measures.push_back(to_json(measure));
    json["inputs"].push_back({{"given", set.inputs}, {"measures", std::move(measures)}});
  }
  for (const auto& [what, reason] : result.not_measured)
    json["not_measured"].push_back({{"what", what}, {"reason", reason}});
  return json;
}

Json to_json(const AgreementResult& result) {
  Json json{{"data", result.data},
            {"samples", result.samples},
            {"left_out", result.left_out},
            {"given", result.inputs},
            {"outputs", Json::array()}};
  for (const auto& output : result.outputs)
    json["outputs"].push_back(
        {{"modality", output.modality}, {"tokens", output.tokens}, {"predictions", output.predictions}});
  return json;
}

std::string evaluation_table(const EvaluationResult& result) {
  std::string out = counted(result.samples, "sample") + " of " + result.data + "\n\n";
  out += format("%-47s %8s %-11s %8s %9s %9s\n", "measure", "model", "   (95 %)", "ceiling", "baseline", "closed");
  for (const auto& set : result.input_sets) out += block(set);
  if (result.input_sets.size() > 1) out += overview(result.input_sets);
  if (!result.not_measured.empty()) out += "\nnot measured\n";
  for (const auto& [what, reason] : result.not_measured) out += "  " + what + ": " + reason + "\n";
  return out;
}

std::string agreement_table(const AgreementResult& result) {
  std::string out = counted(result.samples, "sample") + " of " + result.data + "\n\n";
  out += format("%-24s%14s%19s\n", (result.inputs + " ->").c_str(), "equal tokens", "equal predictions");
  for (const auto& output : result.outputs)
    out += format("%-24s%12.1f %%%17.1f %%\n", output.modality.c_str(), 100 * output.tokens, 100 * output.predictions);
  return out;
}

}  // namespace fourm
