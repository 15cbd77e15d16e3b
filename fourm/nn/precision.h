// The arithmetic of matrix products. Weights, their gradients and everything between the products stay float32.
#pragma once

#include <string>

namespace fourm {

enum class Precision {
  kF32,
  kBf16,  ///< products read and give bfloat16 and add up in float32: fast where the processor has such instructions
  kInt8,  ///< for answering only (nn/packed_linear.h)
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
