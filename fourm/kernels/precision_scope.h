// Automatic mixed precision (autocast) of training.
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/kernels/precision.h"

namespace fourm {

/// The precision of this thread's matrix multiplications on a device during its lifetime, f32 or bf16. Backward passes
/// follow the forward passes.
class PrecisionScope {
 public:
  explicit PrecisionScope(Precision precision, at::Device device = at::kCPU);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  at::DeviceType device_;
  bool outer_enabled_;
  at::ScalarType outer_type_;
};

/// The type of a matrix multiplication's inputs. Error on int8, which has more than a type.
at::ScalarType multiplication_type(Precision precision);

/// The type that matrix multiplications of x are computed in: that of the PrecisionScope, else that of x.
at::ScalarType multiplication_type(const Tensor& x);

}  // namespace fourm
