// A file that appears under its name only when it is complete.
#pragma once

#include <fstream>
#include <functional>
#include <string>

#include "fourm/core/file.h"

namespace fourm {

class OutputFile {
 public:
  /// Opens a hidden file beside `path`, whose folder is made. Error when that is impossible.
  explicit OutputFile(fs::path path);
  /// Removes what was not committed.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  std::ostream& stream() { return out_; }
  /// Flushes, syncs and renames the file to `path`. On any failure (a full disk too) `path` is as it was and Error is
  /// thrown.
  void commit();

 private:
  fs::path path_, target_, beside_;
  std::ofstream out_;
};

/// Removes the hidden files that killed processes left in `folder` in place of the files whose names `is_own` accepts, and
/// which no other process may be writing. Does nothing where there is no folder.
void remove_temporary_files(const fs::path& folder, const std::function<bool(const std::string& name)>& is_own);

}  // namespace fourm
