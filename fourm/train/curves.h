// The records of a run as curves.
#pragma once

#include <string>
#include <string_view>

namespace fourm {

/// An SVG image of a metrics.jsonl: one panel for each measure, with what was measured in training (a line) and in evaluations
/// (dots). The learning rate, times and the like are in progress_svg(). Lines that are no records are ignored.
std::string curves_svg(std::string_view metrics_jsonl, const std::string& title);

/// How the run goes: learning rate, gradient norm, samples per second, seconds that a micro-batch was waited for, and
/// skipped steps, where the records have them. `samples` per step.
std::string progress_svg(std::string_view metrics_jsonl, const std::string& title, double samples);

}  // namespace fourm
