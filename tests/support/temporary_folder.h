// A folder of a test's own.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "fourm/core/error.h"

namespace fourm::test {

/// A new, empty folder, which is removed with all it holds at the end of the scope. Tests that run at the same time never
/// share one.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "fourm_test_XXXXXX").string();
    check(::mkdtemp(name.data()) != nullptr, name, ": cannot be created");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace fourm::test
