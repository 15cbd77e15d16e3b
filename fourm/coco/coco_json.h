// Members of COCO's JSON files. Errors name the file and the place.
#pragma once

#include "fourm/coco/annotations.h"
#include "fourm/core/json.h"

namespace fourm {

const Json& member(const Json& object, std::string_view key, const std::string& origin);
const Json& list_member(const Json& object, std::string_view key, const std::string& origin);
/// The number `value` of a key.
double number_of(const Json& value, std::string_view key, const std::string& origin);
int64_t integer_of(const Json& value, std::string_view key, const std::string& origin);
/// The text `value` of a key.
std::string string_of(const Json& value, std::string_view key, const std::string& origin);
CocoId id_member(const Json& object, std::string_view key, const std::string& origin);
std::string text_of(const CocoId& id);
/// "FILE: annotations[3]".
std::string place_in(const std::string& file, std::string_view what, size_t i);

}  // namespace fourm
