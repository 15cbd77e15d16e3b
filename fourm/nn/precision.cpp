#include "fourm/nn/precision.h"

#include <ATen/autocast_mode.h>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

const char* precision_name(Precision precision) {
  return precision == Precision::kF32 ? "f32" : precision == Precision::kBf16 ? "bf16" : "int8";
}

Precision parse_precision(const std::string& name) {
  if (name == "f32") return Precision::kF32;
  check(name == "bf16", "precision is ", printable(name), ", expected f32 or bf16");
  return Precision::kBf16;
}

PrecisionScope::PrecisionScope(Precision precision)
    : outer_enabled_(at::autocast::is_autocast_enabled(at::kCPU)),
      outer_type_(static_cast<int>(at::autocast::get_autocast_dtype(at::kCPU))) {
  at::autocast::increment_nesting();
  at::autocast::set_autocast_enabled(at::kCPU, precision == Precision::kBf16);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
}

PrecisionScope::~PrecisionScope() {
  at::autocast::set_autocast_enabled(at::kCPU, outer_enabled_);
  at::autocast::set_autocast_dtype(at::kCPU, static_cast<at::ScalarType>(outer_type_));
  // The narrowed copies of the weights live as long as the outermost scope.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

}  // namespace fourm
