// The options of a config struct on the command line, as its fields() declare them.
#pragma once

#include <algorithm>
#include <map>

#include "cli/commands.h"
#include "fourm/core/config.h"
#include "fourm/core/strings.h"

namespace fourm {

/// Names of options that are not --key, by key: "WORKLOAD" (positional) or "--image".
using OptionNames = std::map<std::string, std::string>;

/// A visitor of fields() that adds --PREFIXkey for each, with dashes for underscores. Values that break a rule are wrong
/// usage.
struct OptionAdder : FieldVisitor {
  CLI::App& command;
  std::string prefix, group;
  OptionNames names;

  OptionAdder(CLI::App& v, std::string p, std::string g, OptionNames n)
      : command(v), prefix(std::move(p)), group(std::move(g)), names(std::move(n)) {}

  template <class T, class... Rules>
  void operator()(const char* key, T& value, const char* help, const Rules&... rules) {
    CLI::Option* option = nullptr;
    if constexpr (std::is_same_v<T, bool>) {
      option = command.add_flag(name_of(key), value, help);
    } else {
      option = command.add_option(name_of(key), value, help);
      if constexpr (requires { value.empty(); }) {
        if (!value.empty()) option->capture_default_str();
      } else {
        option->capture_default_str();
      }
      (restrict_to(*option, rules), ...);
    }
    if (!group.empty()) option->group(group);
  }
  std::string name_of(const std::string& key) const {
    if (const auto name = names.find(key); name != names.end()) return name->second;
    std::string name = "--" + prefix + key;
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
  }

 private:
  static void restrict_to(CLI::Option& option, const Range& range) {
    option.check(CLI::Validator(
        [range](std::string& text) {
          double number = 0;
          if (!CLI::detail::lexical_cast(text, number)) return "expected a number, got " + printable(text);
          const bool allowed = number >= range.least && number <= range.most;
          return allowed ? std::string() : concat("expected ", allowed_text(range), ", got ", text);
        },
        allowed_text(range)));
  }
  static void restrict_to(CLI::Option& option, const OneOf& texts) { option.check(CLI::IsMember(texts.values)); }
  static void restrict_to(CLI::Option&, KeyRole) {}
};

/// `config` must outlive the parsing. An empty group puts the options among those of the command.
template <class Config>
void add_config_options(CLI::App& command, Config& config, const std::string& prefix = "",
                        const std::string& group = "", const OptionNames& names = {}) {
  OptionAdder adder(command, prefix, group, names);
  config.fields(adder);
}

}  // namespace fourm
