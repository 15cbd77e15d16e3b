// Matrices of a model that only answers: packed once, for our products in float32 and int8 or oneDNN's in bfloat16, with
// what follows a product done in its epilogue. oneDNN's operators are LibTorch's private ones: they are probed at the first
// use; where they are missing, plain bfloat16 products take their place.
#pragma once

#include <functional>
#include <vector>

#include "fourm/core/lazy.h"
#include "fourm/core/tensor.h"
#include "fourm/nn/epilogue.h"
#include "fourm/nn/precision.h"

namespace fourm {

/// What a model does with its matrices when it is opened to answer, not to be trained.
struct Packing {
  Precision precision = Precision::kF32;
  /// Called with rows of a stored matrix once their packed form exists; may be empty.
  std::function<void(const Tensor&)> give_back;
};

/// y = x W^T + b, or a gate of two of them. Matrices are packed when they are first used, so that unused heads cost nothing.
/// Thread-safe.
/// int8: weights by output channel, activations by row as they come, so that a row's result does not depend on its batch.
class PackedLinear {
 public:
  /// weight [out, in] of any floating type, bias [out] or undefined.
  PackedLinear(Tensor weight, Tensor bias, Packing packing);
  struct Matrix {
    Tensor weight, bias;
  };
  /// A gate: epilogue(x W^T + b) * (x V^T + c), the epilogue an activation. Both have biases, or none has.
  PackedLinear(Matrix activated, Matrix factor, Packing packing);
  ~PackedLinear();
  /// x [N, in] -> [N, out]: bfloat16 when packed so, else float32 (sums with `other` take the wider type).
  Tensor operator()(const Tensor& x, const Epilogue& epilogue = {}) const;

 private:
  struct Form;
  const Form& form() const;
  std::vector<Matrix> matrices_;  // two of a gate
  Packing packing_;
  Lazy<Form> form_;
};

/// True when products in bfloat16 are faster here than in float32.
bool bf16_is_fast();

}  // namespace fourm
