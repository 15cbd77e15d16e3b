// Uncompressed tar archives: where each file lies, and writing them. Readers take members by offset, so that an archive
// is scanned once and then read in any order.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/output_file.h"

namespace fourm {

/// "shard-00012.tar": the archives of a data set, by number.
std::string shard_name(int64_t number);

struct TarMember {
  std::string name;
  uint64_t offset = 0, size = 0;  ///< of its bytes in the archive
  std::string fault;              ///< why it must not be read; empty: it may
};

struct TarListing {
  std::vector<TarMember> members;  ///< the files in their order; folders are left out
  std::string fault;               ///< why the rest of the archive cannot be read; empty: it was read to its end
};

/// Every name and size is checked against the archive: no absolute path, no "..", no link, nothing beyond its end.
/// Never throws on a broken archive, only when the file cannot be opened.
TarListing list_tar(const fs::path& path);

class TarWriter {
 public:
  /// `where` names the archive in errors.
  TarWriter(std::ostream& out, std::string where);
  ~TarWriter();
  /// The same members give the same bytes: no times, no owners.
  void add(const std::string& name, std::string_view bytes);
  void finish();

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
};

/// An archive in a file, which appears under its name when it is complete.
class TarFile {
 public:
  explicit TarFile(const fs::path& path) : file_(path), tar_(file_.stream(), path.string()) {}
  void add(const std::string& name, std::string_view bytes) { tar_.add(name, bytes); }
  void commit() {
    tar_.finish();
    file_.commit();
  }

 private:
  OutputFile file_;
  TarWriter tar_;
};

/// Writes beside, syncs, renames.
void write_tar(const fs::path& path, const std::function<void(TarWriter&)>& fill);

}  // namespace fourm
