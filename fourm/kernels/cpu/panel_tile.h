// The inner kernels of matrix multiplication in float32 and int8. Each form defines how panels, copied rows and sums lie in
// memory and how a tile is multiplied; kernels/cpu/panel_matrix.cpp has the loops around it.
#pragma once

#include <algorithm>

#include "fourm/kernels/cpu/quantize.h"
#include "fourm/kernels/cpu/vector.h"

namespace fourm {

// kTogether: values of a column that share 4 bytes. kStep: the depth that one step of the unrolled loop multiplies; the last
// step is filled with zeros.
template <class Number>
constexpr int64_t kTogether = 4 / static_cast<int64_t>(sizeof(Number));
template <class Number>
constexpr int64_t kStep = 8 * kTogether<Number>;
// A tile of rows is copied in runs of kRun values: the runs of all rows lie one after another, with a gap between them. The
// original row strides often map all rows to the same few lines of the first-level cache.
constexpr int64_t kRun = 256;
template <class Number>
constexpr int64_t kRowStride = kRun + 64 / static_cast<int64_t>(sizeof(Number));
// The address of value k of row r in a copied tile.
template <class V, class Row>
FOURM_INLINE Row* place_of(Row* tile, int64_t r, int64_t k) {
  return tile + (k / kRun * V::kRows + r) * kRowStride<Row> + k % kRun;
}
// int8 rows are quantised to -127 ... 127 and stored with the zero point 128, as 1 ... 255.
constexpr int32_t kRowQmax = 127, kRowZeroPoint = 128;

// The instruction set that a function is compiled for (simd.h).
enum class Target { kAny, kAvx2, kAvx512 };
template <Target kFor>
struct Floats : Simd<float, kFor == Target::kAvx512 ? 64 : 32> {
  static constexpr Target kTarget = kFor;
};

// The rows of a matrix multiplication before they are copied. One of the strides is 1.
struct Rows {
  const float* x;
  int64_t row, column;  // strides
  int64_t count, depth;

  Rows some(int64_t first, int64_t n) const { return {x + first * row, row, column, n, depth}; }
};

// The columns of a matrix multiplication, packed in panels. Scales and zero point sums are for int8 only. Of a gated pair,
// each panel holds as many columns of either matrix.
struct Columns {
  const void* panels;              // [panels, depth / kTogether, kCols, kTogether], of all heads
  int64_t count, depth;            // of each matrix; depth: a multiple of kStep
  int64_t matrices;                // 1 or 2
  const float* scales;             // by place in the panels
  const int32_t* zero_point_sums;  // the row zero point times the column's sum
};

// Multiply-adds are written as single instructions: from intrinsics, compilers swap sums and factors, run out of registers
// and spill sums to the stack. They operate on copies, since array elements are not always kept in registers. clang accepts
// wide registers in inline assembly only in functions whose own attributes enable them.
#if defined(__x86_64__) && !defined(__clang__)
#define FOURM_INLINE_ASSEMBLY
#endif

template <Target kFor>
struct Float32 : Floats<kFor> {
  using V = Floats<kFor>;
  using Row = float;
  using Column = float;
  using Sum = float;
  using Sums = typename V::Vector;
  static constexpr int64_t kColumnQmax = 0;

  // to <- rows, with zeros up to a multiple of kStep
  FOURM_INLINE static void copy(const Rows& rows, Row* to, float*) {
    for (int64_t r = 0; r < rows.count; ++r)
      for (int64_t k = 0; k < rows.depth; k += kRun) {
        const int64_t n = std::min(kRun, rows.depth - k), zeros = -n & (kStep<Row> - 1);
        Row* const run = place_of<V>(to, r, k);
        if (rows.column == 1) std::copy_n(rows.x + r * rows.row + k, n, run);
        std::fill_n(run + n, zeros, 0.0f);
      }
    if (rows.column == 1) return;
    for (int64_t k = 0; k < rows.depth; ++k)
      for (int64_t r = 0; r < rows.count; ++r) *place_of<V>(to, r, k) = rows.x[k * rows.column + r];
  }

  template <int64_t kRows>
  FOURM_INLINE static void multiply_add(const Row* a, const Column* panel, Sums (&sum)[kRows][2]) {
    Sums low, high;
    load<V>(low, panel);
    load<V>(high, panel + V::kLanes);
#pragma GCC unroll 14
    for (int64_t r = 0; r < kRows; ++r) {
      const Sums x = a[r * kRowStride<Row>] - Sums{};
      add(x, low, sum[r][0]);
      add(x, high, sum[r][1]);
    }
  }

  // v <- the dequantised sums of some columns
  FOURM_INLINE static void value(typename V::Vector& v, const Sum* sums, float, const Columns&, int64_t) {
    load<V>(v, sums);
  }

 private:
  FOURM_INLINE static void add(const Sums& x, const Sums& columns, Sums& sum) {
#if defined(FOURM_INLINE_ASSEMBLY)
    if constexpr (kFor != Target::kAny) {
      Sums sums = sum;
      asm("vfmadd231ps %2, %1, %0" : "+v"(sums) : "v"(x), "v"(columns));
      sum = sums;
    } else
#endif
      sum += x * columns;
  }
};

// How the dot product of four unsigned and four signed bytes is added to a 32-bit sum.
enum class Dot {
  kPlain,
  kPairs,  // pairs saturate at 16 bits: 2 * 255 * 64 fits, 2 * 255 * 127 does not
  kFours,  // VNNI
};

// Rows have a scale each and the zero point 128, columns a scale each and the zero point 0.
template <Target kFor, Dot kDot>
struct Int8 : Floats<kFor> {
  using V = Floats<kFor>;
  using Row = uint8_t;
  using Column = int8_t;
  using Sum = int32_t;
  static constexpr int64_t kBytes = sizeof(typename V::Vector);
  typedef Sum Sums __attribute__((vector_size(kBytes)));
  static constexpr int64_t kColumnQmax = kDot == Dot::kPairs ? 64 : 127;

  FOURM_INLINE static void copy(const Rows& rows, Row* to, float* scales) {
    for (int64_t r = 0; r < rows.count; ++r) {
      const float* x = rows.x + r * rows.row;
      scales[r] = largest_magnitude(x, rows.depth) / kRowQmax;
      for (int64_t k = 0; k < rows.depth; k += kRun)
        quantize(x + k, std::min(kRun, rows.depth - k), scales[r], kRowZeroPoint, place_of<V>(to, r, k));
    }
  }

  template <int64_t kRows>
  FOURM_INLINE static void multiply_add(const Row* a, const Column* panel, Sums (&sum)[kRows][2]) {
    Sums low, high;
    std::memcpy(&low, panel, kBytes);
    std::memcpy(&high, panel + kBytes, kBytes);
#pragma GCC unroll 14
    for (int64_t r = 0; r < kRows; ++r) {
      Sum four;
      std::memcpy(&four, a + r * kRowStride<Row>, sizeof four);
      const Sums x = four - Sums{};
#if defined(FOURM_INLINE_ASSEMBLY)
      if constexpr (kDot == Dot::kPairs) {
        add_pairs(x, panel, sum[r][0]);
        add_pairs(x, panel + kBytes, sum[r][1]);
      } else if constexpr (kDot == Dot::kFours) {
        add_fours(x, low, sum[r][0]);
        add_fours(x, high, sum[r][1]);
      } else
#endif
      {
        add_plain(x, low, sum[r][0]);
        add_plain(x, high, sum[r][1]);
      }
    }
  }

  FOURM_INLINE static void value(typename V::Vector& v, const Sum* sums, float row_scale, const Columns& columns,
                                 int64_t column) {
    Sums sum, offset;
    typename V::Vector scale;
    std::memcpy(&sum, sums, kBytes);
    std::memcpy(&offset, columns.zero_point_sums + column, kBytes);
    load<V>(scale, columns.scales + column);
    v = __builtin_convertvector(sum - offset, typename V::Vector) * (row_scale * scale);
  }

 private:
#if defined(FOURM_INLINE_ASSEMBLY)
  FOURM_INLINE static void add_pairs(const Sums& x, const Column* columns, Sums& sum) {
    const Sum two_ones = 0x00010001;
    Sums sums = sum, products;
    asm("vpmaddubsw %3, %2, %1\n\tvpmaddwd %4, %1, %1\n\tvpaddd %1, %0, %0"
        : "+v"(sums), "=&v"(products)
        : "v"(x), "m"(*reinterpret_cast<const char(*)[kBytes]>(columns)), "v"(two_ones - Sums{}));
    sum = sums;
  }
  FOURM_INLINE static void add_fours(const Sums& x, const Sums& columns, Sums& sum) {
    Sums sums = sum;
    if constexpr (kBytes == 64)
      asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(columns));
    else
      asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(x), "x"(columns));
    sum = sums;
  }
#endif
  FOURM_INLINE static void add_plain(const Sums& x, const Sums& columns, Sums& sum) {
    for (int shift = 0; shift < 32; shift += 8) sum += (x >> shift & 255) * (columns << (24 - shift) >> 24);
  }
};

}  // namespace fourm
