#include "fourm/core/json.h"

namespace fourm {

static void check_depth(std::string_view text, std::string_view origin) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      check(++depth <= 100, origin, ": JSON is nested deeper than 100 levels (byte ", i, ")");
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

template <class AnyJson>
static AnyJson parse(std::string_view text, std::string_view origin) {
  check_depth(text, origin);
  try {
    return AnyJson::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    fail(origin, ": is not valid JSON at byte ", error.byte);
  } catch (const nlohmann::json::exception&) {
    fail(origin, ": is not valid JSON (a number out of range or broken text)");
  }
}

Json parse_json(std::string_view text, std::string_view origin) { return parse<Json>(text, origin); }
nlohmann::json parse_table(std::string_view text, std::string_view origin) {
  return parse<nlohmann::json>(text, origin);
}

Json read_json(const fs::path& path, uint64_t limit) { return parse_json(read_file(path, limit), path.string()); }

void write_json(const fs::path& path, const Json& json) { write_file(path, json_text(json, 2) + "\n"); }

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace fourm
