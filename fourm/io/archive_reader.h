// Zip archives and gzip data, read entry by entry with libarchive.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct archive;

namespace fourm {

enum class ArchiveFormat { kZip, kGzip };

/// Errors name `origin` and what it should be, `kind` (".npz file").
class ArchiveReader {
 public:
  ArchiveReader(ArchiveFormat format, std::string origin, std::string kind);

  /// The bytes must outlive the reader.
  void open_memory(std::string_view bytes);
  void open_file(const std::string& path);

  /// Goes to the next entry and returns its name, "" where it has none; nothing at the end.
  std::optional<std::string> next();
  /// The uncompressed bytes of the entry. Error when the entries that were read hold more than `limit` bytes together.
  std::string read(uint64_t limit);

 private:
  void check_status(int64_t status, int64_t least) const;

  ArchiveFormat format_;
  std::unique_ptr<archive, int (*)(archive*)> archive_;
  std::string origin_, kind_;
  uint64_t total_ = 0;  // bytes that were read
};

}  // namespace fourm
