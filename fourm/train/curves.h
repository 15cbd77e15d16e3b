// The records of a run as curves, for people who would rather look than read.
#pragma once

#include <string>
#include <string_view>

namespace fourm {

/// An SVG image of a metrics.jsonl: a panel a measure, with what was measured in training (a line) and in evaluations
/// (dots). The learning rate, times and the like are left to TensorBoard. Lines that are no records are passed over.
std::string curves_svg(std::string_view metrics_jsonl, const std::string& title);

}  // namespace fourm
