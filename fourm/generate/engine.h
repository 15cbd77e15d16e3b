// The engine and the precision of generation.
#pragma once

#include <optional>
#include <string>

#include "fourm/core/config.h"
#include "fourm/nn/precision.h"

namespace fourm {

struct EngineConfig {
  std::string engine = "fast", precision = "f32";

  template <class Visitor>
  void fields(Visitor& v) {
    v("engine", engine, "fast, or reference: no packed weights, no caches", OneOf{{"fast", "reference"}});
    v("precision", precision, "f32 (exact), bf16, int8, or auto: bf16 where the processor is fast at it, else f32",
      OneOf{{"f32", "bf16", "int8", "auto"}});
  }
};

/// The precision that models and tokenizers are opened for inference in (load_model, Tokenizer::open); none for the
/// reference engine, which computes in float32 without packed weights.
std::optional<Precision> packing_of(const EngineConfig& config);

/// Warns where `precision` is "bf16" and the processor has no instructions for it. `key` is the option; `reason` may say
/// where the value comes from.
void warn_of_slow_precision(const std::string& key, const std::string& precision, bool bf16_fast,
                            const std::string& reason = "");

}  // namespace fourm
