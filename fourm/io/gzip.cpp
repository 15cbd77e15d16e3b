#include "fourm/io/gzip.h"

#include "fourm/core/error.h"
#include "fourm/io/archive_reader.h"

namespace fourm {

std::string gunzip(std::string_view bytes, const std::string& origin, uint64_t limit) {
  check(bytes.starts_with("\x1f\x8b"), origin, ": is no gzip data");
  ArchiveReader reader(ArchiveFormat::kGzip, origin, ".gz file");
  reader.open_memory(bytes);
  reader.next();
  return reader.read(limit);
}

}  // namespace fourm
