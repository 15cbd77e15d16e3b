// A float32 matrix in panels of columns, and products with it: what PackedLinear and training compute with in float32. The
// products are ours because LibTorch's wait for memory where rows are few, as they are in each step of generation: here
// the next panel is fetched while this one is multiplied; and because MKL's, which LibTorch trains with, use half of the
// vector unit on processors of some makers (docs/performance.md).
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/nn/epilogue.h"

namespace fourm {

class PanelMatrix {
 public:
  /// The columns of a product: [in, out] of any floating type, with either stride 1 or copied.
  explicit PanelMatrix(const Tensor& columns);
  /// Room for columns [in, out], which pack() then brings.
  PanelMatrix(int64_t in, int64_t out);
  /// Columns from the `first` on, which begins a panel: any multiple of 32.
  void pack(const Tensor& columns, int64_t first);
  /// epilogue(x columns + bias): x [N, in] float32, bias [out] float32 or undefined -> [N, out]. A row's result depends
  /// neither on the rows beside it nor on the number of threads.
  Tensor multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue) const;

 private:
  int64_t in_, out_;
  Tensor panels_;  // [ceil(out / width), in in whole steps, width], zeros beyond
};

}  // namespace fourm
