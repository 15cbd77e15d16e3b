// safetensors files: an 8-byte header length, a JSON header, then the tensors' bytes. Read mapped into memory, so that
// opening costs nothing; every length and offset is checked before it is used.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

std::string_view dtype_name(DType dtype);  ///< as in the file: "F32", "I64", "BOOL"
size_t dtype_size(DType dtype);            ///< bytes per element

/// A tensor inside a mapped file; valid as long as a SafetensorsFile of the file (or its mapping()) exists.
struct StoredTensor {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  const std::byte* data;
  size_t bytes;
};

class SafetensorsFile {
 public:
  /// Error naming file, tensor and offset on lengths, offsets and shapes that are not consistent.
  static SafetensorsFile open(const fs::path& path);
  /// What another format holds, in the same form: tensors in `memory`, which may overlap.
  static SafetensorsFile of(const fs::path& path, std::shared_ptr<const void> memory, std::vector<StoredTensor> tensors,
                            std::map<std::string, std::string> metadata);

  /// The tensors of several files under one path. Error on a tensor that is in two of them.
  static SafetensorsFile joined(const fs::path& path, std::vector<SafetensorsFile> files);

  const fs::path& path() const { return path_; }
  const std::vector<StoredTensor>& tensors() const { return tensors_; }  ///< in file order
  const StoredTensor* find(std::string_view name) const;                 ///< null when absent
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Keeps the mapped pages alive beyond this object.
  std::shared_ptr<const void> mapping() const { return mapping_; }
  /// Releases the memory of these bytes, if they are the file's: reading them again reads the file.
  void release_pages(const std::byte* data, size_t bytes) const;

 private:
  void make_index();

  fs::path path_;
  std::shared_ptr<const void> mapping_;
  size_t size_ = 0;
  std::shared_ptr<const std::vector<SafetensorsFile>> joined_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

/// Writes beside, syncs, renames. Tensors stand in the given order; `data` must hold `bytes` bytes, row-major.
void write_safetensors(const fs::path& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace fourm
