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

/// Error when a training cannot write into the folder that its recipe names, or when the folder holds other things than a
/// run, such as a data set; logs (.log) may lie there. An empty name is for the training to refuse.
inline void check_run_folder(const fs::path& out) {
  if (out.empty()) return;
  check_writable_folder(out);
  std::error_code ignored;
  if (fs::exists(out / "recipe.yaml", ignored) || fs::exists(out / "checkpoints", ignored)) return;
  for (const auto& entry : fs::directory_iterator(out, ignored))
    check(entry.path().filename().string().starts_with('.') || entry.path().extension() == ".log", out.string(),
          ": is not the folder of a run and holds ", printable(entry.path().filename().string()),
          "; give another folder with out=");
}

/// --overwrite of a command that writes a file for each file that it reads, or one file.
inline void add_overwrite(CLI::App& command, bool& overwrite) {
  command.add_flag("--overwrite", overwrite, "replace files that are there already");
}

/// Error when the file is there already, unless it may be replaced.
inline void check_not_there(const fs::path& file, bool overwrite) {
  std::error_code ignored;
  check(overwrite || !fs::exists(file, ignored), file.string(),
        ": is there already; give another --out, or --overwrite to replace such files");
}

/// UsageError naming the option when the file, which may be replaced, has another extension; Error when it cannot be written.
inline void check_writable_file(const fs::path& file, const std::string& option, const std::string& extension) {
  if (file.extension() != extension)
    throw UsageError(concat(option, " writes a file ", extension, ", got ", printable(file.string())));
  check_writable_file(file);
}

/// Error when a command would write over what it reads.
inline void check_other_than(const fs::path& input, const fs::path& output) {
  std::error_code ignored;
  check(!fs::equivalent(input, output, ignored), input.string(), " would be overwritten; write to another place");
}

/// FOLDER/NAME.EXTENSION of each input; the folder is made. NAME is the input's path within the one of `given` that is a
/// folder and holds it, so that classes stay apart; else its file name. Error when two inputs would become one file, when
/// an output would replace its input, and without `overwrite` when it would replace any file.
inline std::vector<fs::path> outputs_of(const std::vector<fs::path>& inputs, const std::vector<std::string>& given,
                                        const fs::path& folder, const std::string& extension, bool overwrite) {
  std::vector<fs::path> outputs;
  std::map<fs::path, fs::path> from;
  for (const auto& input : inputs) {
    fs::path name = input.filename();
    for (const auto& root : given)
      if (const fs::path inside = fs::absolute(input).lexically_relative(fs::absolute(root));
          fs::is_directory(root) && !inside.empty() && *inside.begin() != "..")
        name = inside;
    outputs.push_back(folder / name.replace_extension(extension));
    check_other_than(input, outputs.back());
    check_not_there(outputs.back(), overwrite);
    const auto [other, is_new] = from.try_emplace(outputs.back(), input);
    check(is_new, input.string(), " and ", other->second.string(), " would both become ", outputs.back().string(),
          "; give them to two runs with an --out each");
  }
  make_folder(folder);
  return outputs;
}

}  // namespace fourm
