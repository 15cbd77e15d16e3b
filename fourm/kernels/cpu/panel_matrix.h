// Matrix multiplication (GEMM) in float32 or int8 by a matrix whose columns are packed in panels. PackedLinear and training
// use it. Measurements are in docs/engineering-notes.md (Few rows, int8, Training). With few rows, as in each step of generation,
// multiplication waits for memory: here the next panel is prefetched while the current one is multiplied. MKL, which
// LibTorch would use in training, reaches half of the vector unit on some processors. int8 quantisation of rows and the
// fused epilogue happen in the cache.
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/kernels/epilogue.h"

namespace fourm {

class PanelMatrix {
 public:
  /// kInt8: symmetric quantisation with a scale per column and, dynamically, per row of x. qmax is 127 (64 for columns where
  /// the processor saturates pair sums at 16 bits). Sums are exact in 32 bits.
  enum class Dtype { kFloat32, kInt8 };
  /// Columns [in, out] of one matrix or of a gated pair, for one head or for several heads with rows of their own.
  struct Shape {
    int64_t in, out, matrices = 1, heads = 1;
  };
  /// columns [in, out] of any floating type. They are copied first where neither stride is 1.
  explicit PanelMatrix(const Tensor& columns, Dtype dtype = Dtype::kFloat32);
  /// Allocates panels in huge pages (kernels/cpu/huge_page_tensor.h), to be filled by pack().
  explicit PanelMatrix(const Shape& shape, Dtype dtype = Dtype::kFloat32);
  /// Packs columns from `first` on, a multiple of 32. Matrices are numbered head by head.
  void pack(const Tensor& columns, int64_t first, int64_t matrix = 0);
  /// Rows of a float32 tile. Row counts that are multiples of it leave no partial tile.
  static int64_t rows_at_once();
  /// epilogue(x columns + bias): x [N, in] float32, bias [out] float32 or undefined -> [N, out]. Of two matrices:
  /// epilogue(x first + bias) * (x second + bias), the epilogue an activation, bias [2 out]. Of H heads: x [N, H, in],
  /// bias [H out] -> [N, H, out]. A row's result depends neither on the rows beside it nor on the number of threads.
  Tensor multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue) const;
  /// The same, written to y, float32, whose rows may be strided.
  void multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue, const Tensor& y) const;

 private:
  struct Part {
    int64_t panel;           // the first
    int64_t begin, columns;  // of each panel
  };
  PanelMatrix(const Shape& shape, Dtype dtype, Tensor panels);
  void pack_float32(const Tensor& columns, const Part& part);
  void pack_int8(const Tensor& columns, const Part& part);
  Shape shape_;
  Dtype dtype_;
  Tensor
      panels_;  // [heads ceil(matrices out / width), depth, width]; depth is `in` rounded up to kStep, filled with zeros
  Tensor scales_, zero_point_sums_;  // int8, by column: its scale; the row zero point times the column's sum
};

}  // namespace fourm
