// NumPy's .npy files: one array, little-endian, row-major. Arrays of Python objects are refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

struct NpyArray {
  std::string dtype;  ///< "b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "f2", "f4" or "f8"
  std::vector<int64_t> shape;
  std::string bytes;  ///< product of shape times item size

  int64_t count() const;  ///< product of shape
};

/// Format versions 1 to 3. Error naming the file on anything else, and when the bytes do not fit the shape.
NpyArray read_npy(const fs::path& path);
NpyArray decode_npy(std::string_view bytes, const std::string& origin);

void write_npy(const fs::path& path, const NpyArray& array);
std::string encode_npy(const NpyArray& array);

/// Values as integers; Error when the array holds floats (`origin` names it).
std::vector<int64_t> npy_integers(const NpyArray& array, const std::string& origin);
/// Values as floats, from any dtype.
std::vector<float> npy_floats(const NpyArray& array);

/// An array of the given dtype; Error when a value does not fit it.
NpyArray npy_from_integers(const std::vector<int64_t>& values, std::vector<int64_t> shape,
                           const std::string& dtype = "i8");
NpyArray npy_from_floats(const std::vector<float>& values, std::vector<int64_t> shape);

}  // namespace fourm
