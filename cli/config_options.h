// The options of a config struct on the command line, as its fields() declare them.
#pragma once

#include <algorithm>
#include <map>

#include "cli/verbs.h"
#include "fourm/core/config.h"

namespace fourm {

/// Names of options that are not --key, by key: "WORKLOAD" (positional) or "--image".
using OptionNames = std::map<std::string, std::string>;

/// A visitor of fields() that adds --PREFIXkey for each, with dashes for underscores.
struct OptionAdder {
  CLI::App& verb;
  std::string prefix, group;
  OptionNames names;

  template <class T>
  void operator()(const char* key, T& value, const char* help, KeyRole = KeyRole::kFixed) {
    CLI::Option* option = verb.add_option(name_of(key), value, help);
    if constexpr (requires { value.empty(); }) {
      if (!value.empty()) option->capture_default_str();
    } else {
      option->capture_default_str();
    }
    if (!group.empty()) option->group(group);
  }
  std::string name_of(const std::string& key) const {
    if (const auto name = names.find(key); name != names.end()) return name->second;
    std::string name = "--" + prefix + key;
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
  }
};

/// `config` must outlive the parsing. An empty group puts the options among those of the verb.
template <class Config>
void add_config_options(CLI::App& verb, Config& config, const std::string& prefix = "", const std::string& group = "",
                        const OptionNames& names = {}) {
  OptionAdder adder{verb, prefix, group, names};
  config.fields(adder);
}

}  // namespace fourm
