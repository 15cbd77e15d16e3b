// Files compressed by gzip.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fourm {

/// The uncompressed bytes. Error naming `origin` on broken or cut data, and when there are more than `limit` bytes.
std::string gunzip(std::string_view bytes, const std::string& origin, uint64_t limit = uint64_t{1} << 31);

}  // namespace fourm
