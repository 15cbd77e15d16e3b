// The precision of matrix multiplications. Weights, their gradients and all other operations stay in float32.
#pragma once

#include <string>

namespace fourm {

enum class Precision {
  kF32,
  kBf16,  ///< bfloat16 inputs and outputs, float32 accumulation: fast on processors with such instructions
  kInt8,  ///< for inference only (nn/packed_linear.h)
};

/// "f32", "bf16" or "int8".
const char* precision_name(Precision precision);
/// "f32" or "bf16": what training can use.
Precision parse_precision(const std::string& name);

/// What this thread's forward passes use while it lives; their backward passes follow.
class PrecisionScope {
 public:
  explicit PrecisionScope(Precision precision);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  bool outer_enabled_;
  int outer_type_;  // an at::ScalarType
};

}  // namespace fourm
