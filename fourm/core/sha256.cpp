#include "fourm/core/sha256.h"

#include <openssl/sha.h>

namespace fourm {

std::string sha256_bytes(std::string_view data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string sha256_hex(std::string_view data) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : sha256_bytes(data)) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace fourm
