// JSON, read from files that may be malformed.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>
#include <utility>

#include "fourm/core/file.h"

namespace fourm {

/// Keeps the order of keys, which batches and configs rely on.
using Json = nlohmann::ordered_json;

/// `origin` names the text in errors. Nesting deeper than 100 is refused.
Json parse_json(std::string_view text, std::string_view origin);
Json read_json(const fs::path& path, uint64_t limit = uint64_t{1} << 28);
void write_json(const fs::path& path, const Json& json);
/// JSON text, on one line or indented. Bytes that are not UTF-8, which file names may have, become U+FFFD.
std::string json_text(const Json& json, int indent = -1);

/// The same with sorted keys, for objects of very many keys: Json looks for a key from the first to the last.
nlohmann::json parse_table(std::string_view text, std::string_view origin);

/// The member `key` of an object as a T; Error naming `origin` and key when it is missing or of another type.
template <class T, class AnyJson>
T json_get(const AnyJson& object, std::string_view key, std::string_view origin);

}  // namespace fourm

#include "fourm/core/error.h"

namespace fourm {

template <class T, class AnyJson>
T json_get(const AnyJson& object, std::string_view key, std::string_view origin) {
  check(object.is_object(), origin, ": expected an object with the key '", key, "'");
  const auto found = object.find(key);
  check(found != object.end(), origin, ": the key '", key, "' is missing");
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {  // the library would cut 1.5 to 1 and wrap 2^63
    const bool fits = found->is_number_unsigned()
                          ? std::in_range<T>(found->template get<uint64_t>())
                          : found->is_number_integer() && std::in_range<T>(found->template get<int64_t>());
    check(fits, origin, ": the key '", key, "' is not an integer in range");
  }
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception&) {
    fail(origin, ": the key '", key, "' has a value of the wrong type (", found->type_name(), ")");
  }
}

}  // namespace fourm
