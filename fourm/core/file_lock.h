// Locks by which processes agree on who works in a folder.
#pragma once

#include "fourm/core/file.h"

namespace fourm {

/// The lock of a file. It is free again when the object or its process ends.
class FileLock {
 public:
  /// Takes the lock of `file`, which is made if needed, or finds it taken by another object or process. Error when the file cannot be
  /// written.
  explicit FileLock(const fs::path& file);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  bool is_taken() const { return taken_; }  ///< by this object

 private:
  int file_ = -1;
  bool taken_ = false;
};

}  // namespace fourm
