// Matrices of a model that only answers: packed once into the layout of oneDNN's products, in float32, bfloat16 or int8,
// with what follows a product done in its epilogue. The operators are LibTorch's private ones: they are probed at the first
// use, and plain products take their place where they are missing.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "fourm/core/tensor.h"
#include "fourm/nn/precision.h"

namespace fourm {

/// What a model does with its matrices when it is opened to answer, not to be trained.
struct Packing {
  Precision precision = Precision::kF32;
  std::function<void(const Tensor&)>
      give_back;  ///< called with a stored matrix once its packed form exists; may be empty
};

/// What is done with a product y while it is at hand.
struct Epilogue {
  enum Kind {
    kNone,
    kSilu,   ///< silu(y)
    kGelu,   ///< gelu(y), the exact form
    kTimes,  ///< y * other
    kPlus,   ///< y + other
  } kind = kNone;
  Tensor other;  ///< [N, out]
};

/// y = x W^T + b. The matrix is packed when it is first used, so that unused heads cost nothing. Thread-safe.
/// int8: weights by output channel, activations by row as they come, so that a row's result does not depend on its batch;
/// where the processor would saturate sums of two products at 16 bits, activations take 7 bits instead of 8.
class PackedLinear {
 public:
  /// weight [out, in] of any floating type, bias [out] or undefined.
  PackedLinear(Tensor weight, Tensor bias, Packing packing);
  ~PackedLinear();
  /// x [N, in] -> [N, out]: bfloat16 when packed so, else float32 (sums with `other` take the wider type).
  Tensor operator()(const Tensor& x, const Epilogue& epilogue = {}) const;

 private:
  struct Form;
  const Form& form() const;
  Tensor weight_, bias_;
  Packing packing_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<const Form> form_;
};

/// True when products of that precision are faster here than in float32.
bool is_fast(Precision precision);

}  // namespace fourm
