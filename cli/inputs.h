// Options of the commands that take inputs.
#pragma once

#include "cli/usage.h"
#include "fourm/core/strings.h"
#include "fourm/generate/input.h"
#include "fourm/generate/pipeline.h"

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

}  // namespace fourm
