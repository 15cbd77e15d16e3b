// What a training wrote to standard error.
#pragma once

#include <string>

#include "fourm/core/strings.h"

namespace fourm::test {

/// `text` without the warnings of a run of a few steps that its measures are below their baselines.
inline std::string without_baseline_warnings(const std::string& text) {
  std::string kept;
  for (const auto& line : split(text, '\n'))
    if (!line.empty() && line.find("worse than without learning") == std::string::npos) kept += line + "\n";
  return kept;
}

}  // namespace fourm::test
