// The product of a gated MLP.
#pragma once

#include "fourm/kernels/epilogue.h"

namespace fourm {

/// activation(gate) * x with gradients, elementwise. gate and x [N, hidden]; activation kSilu, kGelu or kTanh. Autograd keeps
/// gate and x alone, since the activation is computed again in the backward pass.
Tensor gated_product(const Tensor& gate, const Tensor& x, Epilogue::Kind activation);

}  // namespace fourm
