// What commands write for each file that they read.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/usage.h"
#include "fourm/core/error.h"
#include "fourm/core/file.h"
#include "fourm/core/strings.h"

namespace fourm {

/// Error when a training cannot write into the folder that its recipe names; an empty name is for the training to refuse.
inline void check_run_folder(const std::string& out) {
  if (!out.empty()) check_writable_folder(out);
}

/// UsageError naming the option when the file, which may be replaced, has another extension; Error when it cannot be written.
inline void check_writable_file(const fs::path& file, const std::string& option, const std::string& extension) {
  if (file.extension() != extension)
    throw UsageError(concat(option, " writes a file ", extension, ", got ", printable(file.string())));
  check_writable_file(file);
}

/// FOLDER/NAME.EXTENSION of each input; the folder is made. NAME is the input's path within the one of `given` that is a
/// folder and holds it, so that classes stay apart; else its file name. Error when two inputs would become one file, or an
/// output would replace its input.
inline std::vector<fs::path> outputs_of(const std::vector<fs::path>& inputs, const std::vector<std::string>& given,
                                        const fs::path& folder, const std::string& extension) {
  std::vector<fs::path> outputs;
  std::map<fs::path, fs::path> from;
  for (const auto& input : inputs) {
    fs::path name = input.filename();
    for (const auto& root : given)
      if (const fs::path inside = fs::absolute(input).lexically_relative(fs::absolute(root));
          fs::is_directory(root) && !inside.empty() && *inside.begin() != "..")
        name = inside;
    outputs.push_back(folder / name.replace_extension(extension));
    std::error_code error;
    check(!fs::equivalent(input, outputs.back(), error), input.string(), " would be overwritten; give another --out");
    const auto [other, is_new] = from.try_emplace(outputs.back(), input);
    check(is_new, input.string(), " and ", other->second.string(), " would both become ", outputs.back().string(),
          "; give them to two runs with an --out each");
  }
  make_folder(folder);
  return outputs;
}

}  // namespace fourm
