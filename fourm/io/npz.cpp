#include "fourm/io/npz.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr uint64_t kLargestArchive = uint64_t{1} << 31;  // bytes of all members, uncompressed

}  // namespace

std::map<std::string, NpyArray> decode_npz(std::string_view bytes, const std::string& origin) {
  const std::unique_ptr<archive, int (*)(archive*)> zip(archive_read_new(), archive_read_free);
  const auto whole = [&](int64_t status) {
    const char* reason = archive_error_string(zip.get());
    check(status >= ARCHIVE_WARN, origin, ": is a broken or cut .npz file (", reason ? reason : "no zip archive", ")");
  };
  archive_read_support_format_zip(zip.get());
  whole(archive_read_open_memory(zip.get(), bytes.data(), bytes.size()));
  std::map<std::string, NpyArray> arrays;
  uint64_t total = 0;
  std::string block(1 << 16, '\0');
  for (archive_entry* entry; true;) {
    const int status = archive_read_next_header(zip.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    whole(status);
    const char* path = archive_entry_pathname(entry);
    std::string name = path ? path : "";
    check(name.ends_with(".npy"), origin, ": holds ", printable(name), ", expected .npy arrays");
    name.resize(name.size() - 4);
    std::string member;
    while (true) {
      const la_ssize_t n = archive_read_data(zip.get(), block.data(), block.size());
      whole(n);
      if (n <= 0) break;
      member.append(block.data(), static_cast<size_t>(n));
      total += static_cast<uint64_t>(n);
      check(total <= kLargestArchive, origin, ": holds more than ", kLargestArchive, " bytes");
    }
    check(arrays.emplace(name, decode_npy(member, origin + ": " + name)).second, origin, ": holds the array ",
          printable(name), " twice");
  }
  check(!arrays.empty(), origin, ": holds no arrays");
  return arrays;
}

}  // namespace fourm
