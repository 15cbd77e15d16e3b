// The options of a diffusion decoder on the command line, as the config declares them.
#pragma once

#include "cli/verbs.h"
#include "fourm/tokenizer/decode_options.h"

namespace fourm {

/// A visitor of DecodeOptions::fields that adds --PREFIXsolver, --PREFIXsteps, ...
struct DecodeOptionAdder {
  CLI::App& verb;
  std::string prefix;

  template <class T>
  void operator()(const char* key, T& value, const char* help) {
    verb.add_option("--" + prefix + key, value, help)->capture_default_str()->group("Diffusion decoders");
  }
};

/// `options` must outlive the parsing.
inline void add_decode_options(CLI::App& verb, DecodeOptions& options, const std::string& prefix) {
  DecodeOptionAdder adder{verb, prefix};
  options.fields(adder);
}

}  // namespace fourm
