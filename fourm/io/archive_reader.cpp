#include "fourm/io/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

ArchiveReader::ArchiveReader(ArchiveFormat format, std::string origin, std::string kind)
    : format_(format),
      archive_(archive_read_new(), archive_read_free),
      origin_(std::move(origin)),
      kind_(std::move(kind)) {
  if (format == ArchiveFormat::kZip) {
    archive_read_support_format_zip(archive_.get());
  } else {
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_format_raw(archive_.get());
  }
}

void ArchiveReader::check_status(int64_t status, int64_t least) const {
  const char* reason = archive_error_string(archive_.get());
  check(status >= least, origin_, ": is a broken or cut ", kind_, " (", reason ? trim(reason) : "unknown format", ")");
}

void ArchiveReader::open_memory(std::string_view bytes) {
  check_status(archive_read_open_memory(archive_.get(), bytes.data(), bytes.size()), ARCHIVE_WARN);
}

void ArchiveReader::open_file(const std::string& path) {
  constexpr size_t kBlock = 1 << 16;
  check_status(archive_read_open_filename(archive_.get(), path.c_str(), kBlock), ARCHIVE_WARN);
}

std::optional<std::string> ArchiveReader::next() {
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(archive_.get(), &entry);
  if (status == ARCHIVE_EOF) return std::nullopt;
  check_status(status, ARCHIVE_WARN);
  // libarchive reads data without a whole gzip header as they are.
  check(format_ != ArchiveFormat::kGzip || archive_filter_code(archive_.get(), 0) == ARCHIVE_FILTER_GZIP, origin_,
        ": is a broken or cut ", kind_, " (its header is not whole)");
  const char* name = archive_entry_pathname(entry);
  return name ? name : "";
}

std::string ArchiveReader::read(uint64_t limit) {
  std::string bytes, block(1 << 16, '\0');
  while (true) {
    const la_ssize_t n = archive_read_data(archive_.get(), block.data(), block.size());
    check_status(n, 0);
    if (n <= 0) return bytes;
    bytes.append(block.data(), static_cast<size_t>(n));
    total_ += static_cast<uint64_t>(n);
    check(total_ <= limit, origin_, ": holds more than ", limit, " bytes");
  }
}

}  // namespace fourm
