// Variables of a MATLAB file: version 7.3, which is HDF5, or version 5. Read by libmatio.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

/// Values stand in MATLAB's order: the first index runs fastest. A file may be read from several threads.
class MatFile {
 public:
  /// Error when it is no such file.
  static MatFile open(const fs::path& path);

  bool has(const std::string& name) const;
  /// Sizes of a variable. Error when it is missing.
  std::vector<int64_t> shape(const std::string& name) const;
  /// All values of a variable of numbers. Error on more than 2^24.
  std::vector<double> numbers(const std::string& name) const;
  /// The values [..., index] of a variable of numbers, `index` counted from 0.
  std::vector<double> slice(const std::string& name, int64_t index) const;
  /// The texts of a cell array, in UTF-8.
  std::vector<std::string> texts(const std::string& name) const;

  const fs::path& path() const { return path_; }

 private:
  struct Handle;
  fs::path path_;
  std::shared_ptr<Handle> handle_;
};

}  // namespace fourm
