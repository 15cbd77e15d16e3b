#include "fourm/core/config.h"

#include <algorithm>
#include <charconv>

#include "fourm/core/file.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"

namespace fourm {

YAML::Node parse_yaml(const std::string& text, const std::string& origin) {
  int depth = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') check(++depth <= 100, origin, ": is nested deeper than 100 levels");
    if (c == ']' || c == '}') --depth;
  }
  try {
    YAML::Node node = YAML::Load(text);
    return node.IsNull() ? YAML::Node(YAML::NodeType::Map) : node;
  } catch (const YAML::Exception& error) {
    fail(origin, ":", error.mark.line + 1, ": is not valid YAML (", error.msg, ")");
  }
}

YAML::Node read_yaml(const std::filesystem::path& path) { return parse_yaml(read_file(path, 1 << 24), path.string()); }

// keys[0 .. depth) lead to a node that has no keys.
[[noreturn]] static void refuse_override(const YAML::Node& node, const std::vector<std::string>& keys, size_t depth,
                                         const std::string& assignment) {
  const std::string section = join({keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(depth)}, ".");
  std::string whole = assignment.substr(assignment.find('=') + 1);
  for (size_t i = keys.size(); i > depth; --i) whole = concat("{", keys[i - 1], ": ", whole, "}");
  if (node.IsSequence()) whole = concat("[", whole, "]");
  fail(assignment, ": '", section, "' is ", node.IsSequence() ? "a list" : printable(node.Scalar()),
       ", which has no key '", keys[depth], "'; give it as a whole: '", section, "=", whole, "'");
}

void apply_override(YAML::Node root, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  check(equals != std::string::npos && equals > 0, "expected key=value, got ", printable(assignment));
  const auto keys = split(std::string_view(assignment).substr(0, equals), '.');
  if (!root.IsMap()) return;  // read_config() refuses it and names the file
  YAML::Node node = root;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (node.IsScalar() || node.IsSequence()) refuse_override(node, keys, i, assignment);
    if (i + 1 < keys.size()) node.reset(node[keys[i]]);
  }
  node[keys.back()] = parse_yaml("v: " + assignment.substr(equals + 1), assignment)["v"];
}

void rename_key(YAML::Node& node, const std::string& from, const std::string& to, const std::string& origin) {
  const YAML::Node& given = node;
  const YAML::Node value = given[from];
  if (!value.IsDefined()) return;
  check(!given[to].IsDefined(), origin, ": '", from, "' is the former name of '", to, "'; give one of them");
  warn(origin, ": '", from, "' is read as '", to, "'; the next version no longer reads it");
  node[to] = value;
  node.remove(from);
}

std::string yaml_text(const YAML::Node& node) {
  YAML::Emitter out;
  out << node;
  return std::string(out.c_str()) + "\n";
}

std::string flow_text(const YAML::Node& node) {
  YAML::Emitter out;
  out << YAML::Flow << node;
  return out.c_str();
}

// Integers without an exponent.
static std::string bound_text(double bound) {
  constexpr double kExact = 1e15;
  return std::abs(bound) < kExact && bound == std::floor(bound) ? std::to_string(static_cast<int64_t>(bound))
                                                                : concat(bound);
}

std::string allowed_text(const Range& range) {
  if (range.most == std::numeric_limits<double>::infinity()) return concat("at least ", bound_text(range.least));
  return concat(bound_text(range.least), " to ", bound_text(range.most));
}

std::string allowed_text(const OneOf& texts) {
  std::string all;
  for (const auto& value : texts.values) {
    if (!all.empty()) all += &value == &texts.values.back() ? " or " : ", ";
    all += value.empty() ? "empty" : value;
  }
  return all;
}

namespace config_detail {

std::string number_text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

void check_rule(const std::string& value, const OneOf& texts, const std::string& origin, const std::string& path) {
  check(contains(texts.values, value), origin, ": ", path, " is ", printable(value), ", expected ",
        allowed_text(texts));
}

void bad_value(const std::string& origin, const std::string& path, const YAML::Node& node, const char* expected) {
  const std::string found = node.IsScalar() ? printable(node.Scalar())
                            : node.IsNull() ? "nothing"
                            : node.IsMap()  ? "a mapping"
                                            : "a list";
  fail(origin, ": ", path.empty() ? "the document" : "the key '" + path + "'", " should be ", expected, ", but is ",
       found);
}

void unknown_key(const std::string& origin, const std::string& path, const std::string& key,
                 const std::vector<std::string>& known) {
  const std::string hint = did_you_mean(key, known);
  fail(origin, ": unknown key '", path.empty() ? key : path + "." + key, "'",
       hint.empty() ? "; known keys: " + join(known, ", ") : hint);
}

}  // namespace config_detail

}  // namespace fourm
