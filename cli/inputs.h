// Options of the commands that take inputs.
#pragma once

#include <algorithm>

#include "cli/usage.h"
#include "fourm/core/strings.h"
#include "fourm/generate/input.h"
#include "fourm/generate/pipeline.h"
#include "fourm/generate/plan.h"

namespace fourm {

/// --depth-unit
inline void add_depth_unit_option(CLI::App& command, std::string& unit) {
  command.add_option(
      "--depth-unit", unit,
      "unit of depth files: m, cm, mm or the metres of one stored number; default: as their dataset.yaml says");
}

/// The inputs of --in. Error on a modality that the model does not read; UsageError on another form than MODALITY=VALUE.
inline std::vector<Input> parse_inputs(const std::vector<std::string>& texts, const Pipeline& pipeline) {
  std::vector<Input> inputs;
  for (const auto& text : texts) {
    try {
      inputs.push_back(parse_input(text));
    } catch (const Error& error) {
      throw UsageError(std::string("--in: ") + error.what());
    }
    pipeline.input_name(inputs.back().modality);
  }
  return inputs;
}

/// The names in lists that are separated by commas.
inline std::vector<std::string> names_in(const std::vector<std::string>& lists) {
  std::vector<std::string> names;
  for (const auto& list : lists)
    for (const auto& name : split(list, ',')) names.push_back(trim(name));
  return names;
}

/// The plan in a file. Targets and conditions may have the short names of the pipeline's modalities.
inline Plan read_plan_for(const Pipeline& pipeline, const fs::path& file) {
  Plan plan = read_plan(file);
  for (auto& target : plan.targets) target.modality = pipeline.output_name(target.modality);
  for (auto& condition : plan.conditions) {  // "caption#2" is the second caption
    const size_t end = std::min(condition.find('#'), condition.size());
    const std::string name = condition.substr(0, end);
    if (contains(pipeline.inputs(), name) || contains(pipeline.outputs(), name)) continue;
    condition = pipeline.input_name(name) + condition.substr(end);
  }
  return plan;
}

}  // namespace fourm
