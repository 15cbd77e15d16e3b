#include "fourm/kernels/precision.h"

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

const char* precision_name(Precision precision) {
  switch (precision) {
    case Precision::kF32: return "f32";
    case Precision::kBf16: return "bf16";
    case Precision::kF16: return "f16";
    case Precision::kInt8: return "int8";
  }
  fail("[precision_name] unknown precision");
}

Precision parse_precision(const std::string& name) {
  for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kF16, Precision::kInt8})
    if (name == precision_name(precision)) return precision;
  fail("precision is ", printable(name), ", expected f32, bf16, f16 or int8");
}

Precision parse_training_precision(const std::string& name) {
  if (name == "f32") return Precision::kF32;
  check(name == "bf16", "precision is ", printable(name), ", expected f32 or bf16");
  return Precision::kBf16;
}

}  // namespace fourm
