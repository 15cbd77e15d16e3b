// The files of a folder.
#pragma once

#include <map>
#include <string>

#include "fourm/core/file.h"

namespace fourm::test {

/// The bytes of each file of a folder and of those in it, by its path in the folder.
inline std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  return files;
}

}  // namespace fourm::test
