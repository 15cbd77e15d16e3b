// A float32 matrix in panels of columns, and products with it: what PackedLinear computes with in float32. The products are
// ours because LibTorch's wait for memory where rows are few, as they are in each step of generation: here the next panel is
// fetched while this one is multiplied (docs/performance.md).
#pragma once

#include <functional>

#include "fourm/core/tensor.h"
#include "fourm/nn/epilogue.h"

namespace fourm {

class PanelMatrix {
 public:
  /// weight [out, in] of any floating type; its rows are given back, some at a time, once they are packed (may be empty).
  PanelMatrix(const Tensor& weight, const std::function<void(const Tensor&)>& give_back);
  /// epilogue(x W^T + bias): x [N, in] float32, bias [out] float32 or undefined -> [N, out]. A row's result depends neither
  /// on the rows beside it nor on the number of threads.
  Tensor multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue) const;

 private:
  int64_t out_, in_;
  Tensor panels_;  // [ceil(out / columns), in, columns], zeros beyond `out`
};

}  // namespace fourm
