// The options of a config struct on the command line, as its fields() declare them.
#pragma once

#include "cli/verbs.h"
#include "fourm/core/config.h"

namespace fourm {

/// A visitor of fields() that adds --PREFIXkey for each.
struct OptionAdder {
  CLI::App& verb;
  std::string prefix, group;

  template <class T>
  void operator()(const char* key, T& value, const char* help, KeyRole = KeyRole::kFixed) {
    verb.add_option("--" + prefix + key, value, help)->capture_default_str()->group(group);
  }
};

/// `config` must outlive the parsing.
template <class Config>
void add_config_options(CLI::App& verb, Config& config, const std::string& prefix, const std::string& group) {
  OptionAdder adder{verb, prefix, group};
  config.fields(adder);
}

}  // namespace fourm
