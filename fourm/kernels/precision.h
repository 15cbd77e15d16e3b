// The precision of matrix multiplications. Weights that are trained, their gradients and all other operations stay in
// float32.
#pragma once

#include <string>

namespace fourm {

enum class Precision {
  kF32,
  kBf16,  ///< bfloat16 inputs and outputs, float32 accumulation: fast on hardware with such instructions
  kF16,   ///< float16 inputs and outputs; for inference on GPUs only
  kInt8,  ///< for inference on CPUs only (kernels/cpu/packed_linear.h)
};

/// "f32", "bf16", "f16" or "int8".
const char* precision_name(Precision precision);
/// Error on any other name.
Precision parse_precision(const std::string& name);
/// "f32" or "bf16": what training can use.
Precision parse_training_precision(const std::string& name);

}  // namespace fourm
