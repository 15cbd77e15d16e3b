// A config (core/config.h) as JSON, as model folders store it.
#pragma once

#include "fourm/core/config.h"
#include "fourm/core/json.h"

namespace fourm {

namespace config_detail {

template <class T>
Json to_json(T& value);

struct JsonWriter : FieldVisitor {
  Json object = Json::object();
  template <class T, class... Rules>
  void operator()(const char* key, T& value, const char* /*help*/, const Rules&...) {
    object[key] = to_json(value);
  }
};

template <class T>
Json to_json(T& value) {
  if constexpr (requires(JsonWriter & v) { value.fields(v); }) {
    JsonWriter writer;
    value.fields(writer);
    return writer.object;
  } else if constexpr (requires { value.has_value(); }) {
    return value ? to_json(*value) : Json();
  } else if constexpr (requires { typename T::mapped_type; }) {
    Json map = Json::object();
    for (auto& [name, item] : value) map[name] = to_json(item);
    return map;
  } else {
    return value;
  }
}

}  // namespace config_detail

/// Every key, in the order of declaration.
template <class Config>
Json config_json(Config config) {
  return config_detail::to_json(config);
}

}  // namespace fourm
