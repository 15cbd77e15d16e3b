// What commands write for each file that they read.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/core/file.h"

namespace fourm {

/// Error when a training cannot write into the folder that its recipe names; an empty name is for the training to refuse.
inline void check_run_folder(const std::string& out) {
  if (!out.empty()) check_writable_folder(out);
}

/// FOLDER/STEM.EXTENSION of each input; the folder is made. Error when two inputs would become one file.
inline std::vector<fs::path> outputs_of(const std::vector<fs::path>& inputs, const fs::path& folder,
                                        const std::string& extension) {
  std::vector<fs::path> outputs;
  std::map<fs::path, fs::path> from;
  for (const auto& input : inputs) {
    outputs.push_back(folder / (input.stem().string() + extension));
    const auto [other, is_new] = from.try_emplace(outputs.back(), input);
    check(is_new, input.string(), " and ", other->second.string(), " would both become ", outputs.back().string(),
          "; give them to two runs with an --out each");
  }
  make_folder(folder);
  return outputs;
}

}  // namespace fourm
