#include "fourm/io/gzip.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "fourm/core/error.h"

namespace fourm {

std::string gunzip(std::string_view bytes, const std::string& origin, uint64_t limit) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  const auto check_status = [&](int64_t status) {
    const char* reason = archive_error_string(reader.get());
    check(status >= ARCHIVE_WARN, origin, ": is a broken or cut .gz file (", reason ? reason : "no gzip data", ")");
  };
  check(bytes.starts_with("\x1f\x8b"), origin, ": is no gzip data");
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_raw(reader.get());
  check_status(archive_read_open_memory(reader.get(), bytes.data(), bytes.size()));
  archive_entry* entry = nullptr;
  check_status(archive_read_next_header(reader.get(), &entry));
  std::string out, block(1 << 16, '\0');
  while (true) {
    const la_ssize_t n = archive_read_data(reader.get(), block.data(), block.size());
    check_status(n);
    if (n <= 0) return out;
    out.append(block.data(), static_cast<size_t>(n));
    check(out.size() <= limit, origin, ": holds more than ", limit, " bytes");
  }
}

}  // namespace fourm
