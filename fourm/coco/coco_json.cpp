#include "fourm/coco/coco_json.h"

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

const Json& member(const Json& object, std::string_view key, const std::string& origin) {
  check(object.is_object(), origin, ": expected an object with the key '", key, "'");
  const auto found = object.find(key);
  check(found != object.end(), origin, ": the key '", key, "' is missing");
  return *found;
}

const Json& list_member(const Json& object, std::string_view key, const std::string& origin) {
  const Json& value = member(object, key, origin);
  check(value.is_array(), origin, ": the key '", key, "' is no list");
  return value;
}

double number_of(const Json& value, std::string_view key, const std::string& origin) {
  check(value.is_number(), origin, ": the key '", key, "' holds something that is no number");
  return value.get<double>();
}

int64_t integer_of(const Json& value, std::string_view key, const std::string& origin) {
  const double as_number = number_of(value, key, origin);
  check(std::abs(as_number) < 9e15 && as_number == static_cast<double>(static_cast<int64_t>(as_number)), origin,
        ": the key '", key, "' is not an integer in range");
  return value.is_number_float() ? static_cast<int64_t>(as_number) : value.get<int64_t>();
}

std::string string_of(const Json& value, std::string_view key, const std::string& origin) {
  check(value.is_string(), origin, ": the key '", key, "' holds no text");
  return value.get<std::string>();
}

CocoId id_member(const Json& object, std::string_view key, const std::string& origin) {
  const Json& value = member(object, key, origin);
  if (value.is_string()) return value.get<std::string>();
  return integer_of(value, key, origin);
}

std::string text_of(const CocoId& id) {
  if (const auto* text = std::get_if<std::string>(&id)) return printable(*text);
  return std::to_string(std::get<int64_t>(id));
}

std::string place_in(const std::string& file, std::string_view what, size_t i) {
  return concat(file, ": ", what, "[", i, "]");
}

}  // namespace fourm
