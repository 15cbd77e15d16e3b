#pragma once

#include <string>
#include <string_view>

namespace fourm {

/// The SHA-256 digest (FIPS 180-4) as 32 bytes, and as 64 hexadecimal digits.
std::string sha256_bytes(std::string_view data);
std::string sha256_hex(std::string_view data);

}  // namespace fourm
