#include "fourm/kernels/precision_scope.h"

#include <ATen/autocast_mode.h>

#include "fourm/core/error.h"

namespace fourm {

PrecisionScope::PrecisionScope(Precision precision, at::Device device)
    : device_(device.type()),
      outer_enabled_(at::autocast::is_autocast_enabled(device_)),
      outer_type_(at::autocast::get_autocast_dtype(device_)) {
  at::autocast::increment_nesting();
  at::autocast::set_autocast_enabled(device_, precision == Precision::kBf16);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
}

PrecisionScope::~PrecisionScope() {
  at::autocast::set_autocast_enabled(device_, outer_enabled_);
  at::autocast::set_autocast_dtype(device_, outer_type_);
  // The narrowed copies of the weights live as long as the outermost scope.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

at::ScalarType multiplication_type(Precision precision) {
  switch (precision) {
    case Precision::kF32: return at::kFloat;
    case Precision::kBf16: return at::kBFloat16;
    case Precision::kF16: return at::kHalf;
    case Precision::kInt8: break;
  }
  fail("int8 is a precision of the CPU's kernels only");
}

at::ScalarType multiplication_type(const Tensor& x) {
  const at::DeviceType device = x.device().type();
  return at::autocast::is_autocast_enabled(device) ? at::autocast::get_autocast_dtype(device) : x.scalar_type();
}

}  // namespace fourm
