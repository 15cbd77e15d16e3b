// A matrix in panels of columns, and products with it in float32 or int8: what PackedLinear and training compute with. The
// products are ours because LibTorch's wait for memory where rows are few, as they are in each step of generation: here the
// next panel is fetched while this one is multiplied; because MKL's, which LibTorch trains with, use half of the vector
// unit on processors of some makers; and because rows become int8, and their products epilogues, in the cache
// (docs/performance.md).
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/nn/epilogue.h"

namespace fourm {

class PanelMatrix {
 public:
  /// What products are computed in. kInt8: columns in 127 steps of their own size to either side (64 where the processor would
  /// saturate sums of two products at 16 bits), rows of x in 127 as they come; sums are exact.
  enum class Numbers { kFloat32, kInt8 };
  /// Columns [in, out] of one matrix or of a gate's two, and of one head or of several, whose rows are rows of their own.
  struct Shape {
    int64_t in, out, matrices = 1, heads = 1;
  };
  /// The columns of some products: [in, out] of any floating type, with either stride 1 or copied.
  explicit PanelMatrix(const Tensor& columns, Numbers numbers = Numbers::kFloat32);
  /// Room that lasts (nn/lasting_tensor.h) for columns that pack() brings.
  explicit PanelMatrix(const Shape& shape, Numbers numbers = Numbers::kFloat32);
  /// Columns from the `first` on, which begins a panel: any multiple of 32. Matrices are numbered head by head.
  void pack(const Tensor& columns, int64_t first, int64_t matrix = 0);
  /// Rows in float32 that are multiplied at a time: products of whole multiples waste nothing.
  static int64_t rows_at_once();
  /// epilogue(x columns + bias): x [N, in] float32, bias [out] float32 or undefined -> [N, out]. Of two matrices:
  /// epilogue(x first + bias) * (x second + bias), the epilogue an activation, bias [2 out]. Of H heads: x [N, H, in],
  /// bias [H out] -> [N, H, out]. A row's result depends neither on the rows beside it nor on the number of threads.
  Tensor multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue) const;
  /// The same to y float32, whose rows may lie apart.
  void multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue, const Tensor& y) const;

 private:
  struct Part {
    int64_t panel;           // the first
    int64_t begin, columns;  // of each panel
  };
  PanelMatrix(const Shape& shape, Numbers numbers, Tensor panels);
  void pack_float32(const Tensor& columns, const Part& part);
  void pack_int8(const Tensor& columns, const Part& part);
  Shape shape_;
  Numbers numbers_;
  Tensor panels_;           // [heads ceil(matrices out / width), in in whole steps, width], zeros beyond
  Tensor steps_, offsets_;  // int8, by column: the size of a step; the sum that rows of zeros would give
};

}  // namespace fourm
