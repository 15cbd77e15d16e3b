#include "fourm/modality/modality_name.h"

#include <charconv>

namespace fourm {

std::string name_without_size(std::string_view modality) { return std::string(modality.substr(0, modality.find('@'))); }

std::string base_name(std::string_view modality) {
  if (modality.starts_with("tok_")) modality.remove_prefix(4);
  return name_without_size(modality);
}

std::optional<int64_t> size_in_name(std::string_view modality) {
  const size_t at = modality.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = modality.substr(at + 1);
  int64_t size = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || size <= 0) return std::nullopt;
  return size;
}

}  // namespace fourm
