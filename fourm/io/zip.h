// Zip archives whose members are stored as they are: read mapped into memory, so that a member costs nothing until used.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

class ZipArchive {
 public:
  struct Entry {
    std::string name;
    uint64_t offset;  ///< of the first byte in the file
    uint64_t size;
  };

  /// Archives of any size (zip64). Error when the directory is cut or does not fit the file, or a member is compressed.
  static ZipArchive open(const fs::path& path);

  const std::vector<Entry>& entries() const { return entries_; }
  const Entry* find(const std::string& name) const;  ///< null when absent
  /// Valid as long as mapping() exists.
  std::string_view bytes(const Entry& entry) const { return bytes_.substr(entry.offset, entry.size); }
  std::shared_ptr<const void> mapping() const { return mapping_; }

 private:
  std::shared_ptr<const void> mapping_;
  std::string_view bytes_;
  std::vector<Entry> entries_;
  std::map<std::string, size_t> index_;
};

}  // namespace fourm
