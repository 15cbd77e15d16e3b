#include "fourm/generate/engine.h"

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/nn/packed_linear.h"

namespace fourm {

std::optional<Precision> packing_of(const EngineConfig& config) {
  check(config.engine == "fast" || config.engine == "reference", "unknown engine ", printable(config.engine),
        "; known: fast, reference");
  const bool reference = config.engine == "reference";
  if (config.precision == "auto")
    return reference ? std::nullopt : std::optional(bf16_is_fast() ? Precision::kBf16 : Precision::kF32);
  check(config.precision == "f32" || config.precision == "bf16" || config.precision == "int8", "unknown precision ",
        printable(config.precision), "; known: f32, bf16, int8, auto");
  check(!reference || config.precision == "f32", "the reference engine computes in f32 only");
  if (reference) return std::nullopt;
  return config.precision == "f32" ? Precision::kF32 : config.precision == "bf16" ? Precision::kBf16 : Precision::kInt8;
}

void warn_of_slow_precision(const std::string& key, const std::string& precision, bool bf16_fast,
                            const std::string& reason) {
  if (precision == "bf16" && !bf16_fast)
    warn(key, " is bf16, ", reason, "this processor has no instructions for it: f32 is many times faster here");
}

}  // namespace fourm
