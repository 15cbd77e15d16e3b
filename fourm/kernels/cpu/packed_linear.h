// Linear layers for inference: weights are packed once and the operation that follows is fused. float32 and int8 use
// kernels/cpu/panel_matrix.h. bfloat16 uses oneDNN through private operators of LibTorch, which are probed at first use; where they
// are missing, at::linear in bfloat16 takes their place.
#pragma once

#include <functional>
#include <vector>

#include "fourm/core/lazy.h"
#include "fourm/core/tensor.h"
#include "fourm/kernels/kernels.h"

namespace fourm {

/// How a model that is opened for inference packs its weights.
struct Packing {
  Precision precision = Precision::kF32;
  /// Called with rows of a stored matrix once they are packed; may be empty.
  ReleasePages release_pages;
};

/// y = x W^T + b, or a gated pair of them. Weights are packed at first use, so that unused heads cost nothing. Thread-safe.
/// int8: weights have a scale per output channel, activations a dynamic scale per row, so that a row's result does not
/// depend on its batch.
class PackedLinear : public LinearKernel {
 public:
  /// weight [out, in] of any floating type, bias [out] or undefined.
  PackedLinear(Tensor weight, Tensor bias, Packing packing);
  /// A gate: epilogue(x W^T + b) * (x V^T + c), the epilogue an activation. Both have biases, or none has.
  PackedLinear(Matrix gate, Matrix up, Packing packing);
  ~PackedLinear() override;
  /// x [N, in] -> [N, out]: bfloat16 if packed in it, else float32. A sum with the residual has the wider type of the two.
  Tensor operator()(const Tensor& x, const Epilogue& epilogue = {}) const override;

 private:
  struct Form;
  const Form& form() const;
  std::vector<Matrix> matrices_;  // two of a gated pair
  Packing packing_;
  Lazy<Form> form_;
};

}  // namespace fourm
