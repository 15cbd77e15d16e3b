// Options declared once. A config is an aggregate with defaults in place and one member
//
//   template <class Visitor> void fields(Visitor& v) {
//     v("lr", lr, "peak learning rate", Range{0, 1});
//     v("decay", decay, "how it falls", OneOf{{"cosine", "constant"}});
//     if (v.applies(decay == "cosine")) v("min_lr", min_lr, "learning rate at the end", at_least(0));
//   }
//
// where a field is a scalar, text, a vector of those, an optional, a map from text, or another config. After the help
// text stand rules: Range, OneOf, KeyRole. fields() changes nothing. YAML reading, key=value overrides, writing, command
// line options, validation and the key reference (describe_fields, docs/configuration.md) all come from that declaration.
// Unknown keys are errors. A config with a member `T& short_form()` may also be given as that scalar field alone. Keys of
// earlier versions are read where a config also has
//
//   static void migrate(YAML::Node& node, const std::string& origin);  // rewrites them, with a warning each
#pragma once

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/error.h"

namespace fourm {

/// Parses YAML text; `origin` names it in errors. Nesting deeper than 100 is refused.
YAML::Node parse_yaml(const std::string& text, const std::string& origin);
YAML::Node read_yaml(const std::filesystem::path& path);

/// YAML text of a node, a line a key.
std::string yaml_text(const YAML::Node& node);
/// YAML text of a node on one line.
std::string flow_text(const YAML::Node& node);

/// Sets `a.b.c=value` (the value parsed as YAML) in a mapping.
void apply_override(YAML::Node root, const std::string& assignment);

/// Renames a key of an earlier version, with a warning. Error naming `origin` where both names are given.
void rename_key(YAML::Node& node, const std::string& from, const std::string& to, const std::string& origin);

/// Whether a training run keeps the value of a key for all its life, or may be continued with another one.
enum class KeyRole {
  kFixed,       ///< the value is part of what the run computes
  kChangeable,  ///< places of files, the length of the run, intervals of records: another value is no other run
};

/// The numbers that a field may have, both ends included. Of a list or an optional: those of its items.
struct Range {
  double least, most;
};
inline Range at_least(double least) { return {least, std::numeric_limits<double>::infinity()}; }

/// The texts that a field may have.
struct OneOf {
  std::vector<std::string> values;
};

/// "0 to 1", "at least 1", "cosine or constant": what a rule allows; "" for a KeyRole.
std::string allowed_text(const Range& range);
std::string allowed_text(const OneOf& texts);
inline std::string allowed_text(KeyRole) { return ""; }

/// What visitors of fields() have in common.
struct FieldVisitor {
  /// Whether to visit fields that belong to some values of others only: reading and writing do where these have such
  /// values, a description does always.
  static bool applies(bool condition) { return condition; }
};

namespace config_detail {

struct Reader;
struct Writer;

template <class T>
concept Config = requires(T& t, Reader& v) {
  t.fields(v);
};

template <class T>
concept HasShortForm = Config<T> && requires(T& t) {
  t.short_form();
};

/// "expected ..., got ..." for a value that does not convert.
[[noreturn]] void bad_value(const std::string& origin, const std::string& path, const YAML::Node& node,
                            const char* expected);
[[noreturn]] void unknown_key(const std::string& origin, const std::string& path, const std::string& key,
                              const std::vector<std::string>& known);

template <class T>
const char* type_name() {
  if constexpr (std::is_same_v<T, bool>) return "boolean";
  if constexpr (std::is_integral_v<T>) return "integer";
  if constexpr (std::is_floating_point_v<T>) return "number";
  return "string";
}

template <class T>
const char* expected_text() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_integral_v<T>) return "an integer";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  return "a string";
}

template <class T>
void read(const YAML::Node& node, T& value, const std::string& origin, const std::string& path);

template <class... Rules>
KeyRole role_of(const Rules&... rules) {
  KeyRole role = KeyRole::kFixed;
  [[maybe_unused]] const auto look = [&](const auto& rule) {
    if constexpr (std::is_same_v<std::decay_t<decltype(rule)>, KeyRole>) role = rule;
  };
  (look(rules), ...);
  return role;
}

struct Reader : FieldVisitor {
  const YAML::Node& node;
  const std::string& origin;
  std::string path;
  std::vector<std::string> known = {};

  Reader(const YAML::Node& n, const std::string& o, std::string p) : node(n), origin(o), path(std::move(p)) {}

  template <class T, class... Rules>
  void operator()(const char* key, T& value, const char* /*help*/, const Rules&...) {
    known.emplace_back(key);
    if (const YAML::Node child = node[key]; child.IsDefined())
      read(child, value, origin, path.empty() ? key : path + "." + key);
  }
};

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_map : std::false_type {};
template <class T>
struct is_map<std::map<std::string, T>> : std::true_type {};

template <class T>
YAML::Node migrated(const YAML::Node& node, const std::string& origin) {
  if constexpr (requires(YAML::Node & n) { T::migrate(n, origin); }) {
    YAML::Node current = YAML::Clone(node);
    T::migrate(current, origin);
    return current;
  } else {
    return node;
  }
}

template <class T>
void read(const YAML::Node& node, T& value, const std::string& origin, const std::string& path) {
  if constexpr (HasShortForm<T>) {
    if (node.IsScalar()) return read(node, value.short_form(), origin, path);
  }
  if constexpr (Config<T>) {
    if (!node.IsMap()) bad_value(origin, path, node, "a mapping");
    const YAML::Node current = migrated<T>(node, origin);
    Reader reader(current, origin, path);
    value.fields(reader);
    for (const auto& item : current) {
      const auto key = item.first.as<std::string>();
      if (std::find(reader.known.begin(), reader.known.end(), key) == reader.known.end())
        unknown_key(origin, path, key, reader.known);
    }
  } else if constexpr (is_vector<T>::value) {
    if (!node.IsSequence()) bad_value(origin, path, node, "a list");
    value.clear();
    for (size_t i = 0; i < node.size(); ++i) {
      typename T::value_type item{};
      read(node[i], item, origin, path + "[" + std::to_string(i) + "]");
      value.push_back(std::move(item));
    }
  } else if constexpr (is_map<T>::value) {
    if (!node.IsMap()) bad_value(origin, path, node, "a mapping");
    value.clear();
    for (const auto& item : node) {
      const auto key = item.first.as<std::string>();
      read(item.second, value[key], origin, path + "." + key);
    }
  } else if constexpr (is_optional<T>::value) {
    if (node.IsNull()) {
      value.reset();
    } else {
      value.emplace();
      read(node, *value, origin, path);
    }
  } else if (std::is_same_v<T, std::string> && node.IsNull()) {
    value = T();  // "key:" and "key=" are empty text
  } else {
    try {
      value = node.as<T>();
    } catch (const YAML::Exception&) {
      bad_value(origin, path, node, expected_text<T>());
    }
    if constexpr (std::is_floating_point_v<T>)
      if (!std::isfinite(value)) bad_value(origin, path, node, "a finite number");
  }
}

template <class T>
YAML::Node write(const T& value);

/// The shortest text that reads back as the number.
std::string number_text(double value);

struct Writer : FieldVisitor {
  YAML::Node node{YAML::NodeType::Map};
  template <class T, class... Rules>
  void operator()(const char* key, T& value, const char* /*help*/, const Rules&...) {
    node[key] = write(value);
  }
};

/// Calls visit(config, path) for a value that is a config, or else for the configs in it.
template <class T, class Visit>
void visit_configs(T& value, const std::string& path, const Visit& visit) {
  if constexpr (Config<T>) {
    visit(value, path);
  } else if constexpr (is_vector<T>::value) {
    if constexpr (Config<typename T::value_type>)
      for (size_t i = 0; i < value.size(); ++i) visit(value[i], path + "[" + std::to_string(i) + "]");
  } else if constexpr (is_map<T>::value) {
    for (auto& [key, item] : value) visit_configs(item, path + "." + key, visit);
  } else if constexpr (is_optional<T>::value) {
    if (value) visit_configs(*value, path, visit);
  }
}

struct ChangeableKeys : FieldVisitor {
  std::vector<std::string> paths;
  std::string prefix;

  explicit ChangeableKeys(std::string before = "") : prefix(std::move(before)) {}

  template <class T, class... Rules>
  void operator()(const char* key, T& value, const char* /*help*/, const Rules&... rules) {
    const std::string path = prefix + key;
    if (role_of(rules...) == KeyRole::kChangeable)
      paths.push_back(path);
    else
      add(value, path);
  }
  template <class T>
  void add(T& value, const std::string& path) {
    visit_configs(value, path, [&](auto& config, const std::string& at) {
      ChangeableKeys inner(at.empty() ? "" : at + ".");
      config.fields(inner);
      paths.insert(paths.end(), inner.paths.begin(), inner.paths.end());
    });
  }
};

// Error where a value breaks a rule of its field.
template <class T>
void check_rule(const T& value, const Range& range, const std::string& origin, const std::string& path) {
  if constexpr (is_optional<T>::value) {
    if (value) check_rule(*value, range, origin, path);
  } else if constexpr (is_vector<T>::value) {
    for (const auto& item : value) check_rule(item, range, origin, path);
  } else {
    const auto number = static_cast<double>(value);
    check(number >= range.least && number <= range.most, origin, ": ", path, " is ", value, ", expected ",
          allowed_text(range));
  }
}
void check_rule(const std::string& value, const OneOf& texts, const std::string& origin, const std::string& path);
template <class T>
void check_rule(const T&, KeyRole, const std::string&, const std::string&) {}

struct Checker : FieldVisitor {
  const std::string& origin;
  std::string prefix;

  Checker(const std::string& o, std::string before) : origin(o), prefix(std::move(before)) {}

  template <class T, class... Rules>
  void operator()(const char* key, T& value, const char* /*help*/, const Rules&... rules) {
    const std::string path = prefix + key;
    (check_rule(value, rules, origin, path), ...);
    descend(value, path);
  }
  template <class T>
  void descend(T& value, const std::string& path) {
    visit_configs(value, path, [&](auto& config, const std::string& at) {
      Checker inner(origin, at.empty() ? "" : at + ".");
      config.fields(inner);
    });
  }
};

template <class T>
YAML::Node write_fields(T value) {
  Writer writer;
  value.fields(writer);
  return writer.node;
}

/// Whether all fields but the one of the short form have their defaults.
template <class T>
bool fits_short_form(T value) {
  T plain;
  plain.short_form() = value.short_form();
  return yaml_text(write_fields(plain)) == yaml_text(write_fields(value));
}

template <class T>
YAML::Node write(const T& value) {
  if constexpr (HasShortForm<T>) {
    if (fits_short_form(value)) return write(T(value).short_form());
  }
  if constexpr (Config<T>) {
    return write_fields(value);
  } else if constexpr (is_vector<T>::value) {
    YAML::Node node(YAML::NodeType::Sequence);
    for (const auto& item : value) node.push_back(write(static_cast<const typename T::value_type&>(item)));
    return node;
  } else if constexpr (is_map<T>::value) {
    YAML::Node node(YAML::NodeType::Map);
    for (const auto& [key, item] : value) node[key] = write(item);
    return node;
  } else if constexpr (is_optional<T>::value) {
    return value ? write(*value) : YAML::Node(YAML::NodeType::Null);
  } else if constexpr (std::is_floating_point_v<T>) {
    return YAML::Node(number_text(value));
  } else {
    return YAML::Node(value);
  }
}

}  // namespace config_detail

/// Error naming `origin` and the path of a key whose value breaks a rule of its field.
template <class T>
void check_fields(const T& config, const std::string& origin) {
  config_detail::Checker(origin, "").descend(const_cast<T&>(config), "");
}

/// Fills `config` from a mapping. Error (naming `origin` and the key path) on an unknown key, a value of the wrong type,
/// NaN or infinity, and a value that breaks a rule of its field.
template <class T>
void read_config(const YAML::Node& node, T& config, const std::string& origin) {
  config_detail::read(node, config, origin, "");
  check_fields(config, origin);
}

/// Reads a YAML file, applies `key.path=value` overrides, fills `config`.
template <class T>
void load_config(const std::filesystem::path& path, const std::vector<std::string>& overrides, T& config) {
  YAML::Node node = read_yaml(path);
  for (const auto& assignment : overrides) apply_override(node, assignment);
  read_config(node, config, path.string());
}

/// The config as a YAML mapping, every key present.
template <class T>
YAML::Node to_yaml(const T& config) {
  return config_detail::write(config);
}

/// The paths ("training.steps", "sets[0].path") of the keys that are declared KeyRole::kChangeable.
template <class T>
std::vector<std::string> changeable_keys(const T& config) {
  config_detail::ChangeableKeys keys;
  keys.add(const_cast<T&>(config), "");
  return keys.paths;
}

/// The keys of a config, in the order of their declaration.
template <class T>
std::vector<std::string> config_keys(const T& config) {
  std::vector<std::string> keys;
  for (const auto& item : to_yaml(config)) keys.push_back(item.first.Scalar());
  return keys;
}

/// A field as its declaration describes it.
struct FieldDescription {
  std::string path;     ///< "training.steps", "mixture[].weight", "presets.NAME.depth"
  std::string type;     ///< "number", "list of strings"; "" for a group of fields
  std::string initial;  ///< the default as YAML
  std::string allowed;  ///< "0 to 1", "cosine or constant"; "" where nothing restricts it
  std::string help;
  bool changeable = false;  ///< may differ when a run is resumed (KeyRole)
  bool operator==(const FieldDescription&) const = default;
};

namespace config_detail {

struct Describer {
  std::vector<FieldDescription> found;
  std::string prefix;

  static bool applies(bool) { return true; }

  template <class T, class... Rules>
  void operator()(const char* key, T& value, const char* help, const Rules&... rules) {
    std::string allowed;
    ((allowed += allowed_text(rules)), ...);
    found.push_back({prefix + key, "", "", allowed, help, role_of(rules...) == KeyRole::kChangeable});
    describe(value, prefix + key, found.size() - 1);
  }
  template <class T>
  void describe(T& value, const std::string& path, size_t row) {
    if constexpr (Config<T>) {
      Describer inner{{}, path + "."};
      value.fields(inner);
      found.insert(found.end(), inner.found.begin(), inner.found.end());
    } else if constexpr (is_vector<T>::value) {
      if constexpr (Config<typename T::value_type>) {
        typename T::value_type item{};
        describe(item, path + "[]", row);
      } else {
        set(row, concat("list of ", type_name<typename T::value_type>(), "s"), value);
      }
    } else if constexpr (is_map<T>::value) {
      typename T::mapped_type item{};
      if constexpr (Config<typename T::mapped_type>)
        describe(item, path + ".NAME", row);
      else
        set(row, concat("mapping of strings to ", type_name<typename T::mapped_type>(), "s"), value);
    } else if constexpr (is_optional<T>::value) {
      typename T::value_type item{};
      describe(item, path, row);
      found[row].initial = value ? found[row].initial : "null";
    } else {
      set(row, type_name<T>(), value);
    }
  }

 private:
  template <class T>
  void set(size_t row, const std::string& type, const T& value) {
    found[row].type = type;
    found[row].initial = flow_text(write(value));
  }
};

}  // namespace config_detail

/// Every field of a config, groups before their fields.
template <class T>
std::vector<FieldDescription> describe_fields(T config) {
  config_detail::Describer describer;
  config.fields(describer);
  return describer.found;
}

}  // namespace fourm
