// The numbers that a product is computed with: float32, or steps of 8 bits whose sums are exact. Each form says how panels,
// copied rows and sums lie in memory, and how rows are multiplied with columns; nn/panel_matrix.cpp does the rest.
#pragma once

#include <algorithm>

#include "fourm/nn/quantize.h"
#include "fourm/nn/vector.h"

namespace fourm {

// Numbers of a column that lie together, and depths that are multiplied at once: zeros fill the last step.
template <class Number>
constexpr int64_t kTogether = 4 / static_cast<int64_t>(sizeof(Number));
template <class Number>
constexpr int64_t kStep = 8 * kTogether<Number>;
// A tile of rows is copied so that they lie a run of this many numbers at a time behind each other, a little apart: rows as
// they come would often share the same few lines of the first-level cache.
constexpr int64_t kRun = 256;
template <class Number>
constexpr int64_t kRowStride = kRun + 64 / static_cast<int64_t>(sizeof(Number));
// Where a copied tile has number k of its row r.
template <class V, class Row>
FOURM_INLINE Row* place_of(Row* tile, int64_t r, int64_t k) {
  return tile + (k / kRun * V::kRows + r) * kRowStride<Row> + k % kRun;
}
// In int8, rows have levels from -127 to 127, stored from 1 to 255.
constexpr int32_t kRowLevels = 127, kRowZero = 128;

// What a function is compiled for (core/simd.h).
enum class Target { kAny, kAvx2, kAvx512 };
template <Target kFor>
struct Floats : Simd<float, kFor == Target::kAvx512 ? 64 : 32> {
  static constexpr Target kTarget = kFor;
};

// A product's rows, as they come; one of the strides is 1.
struct Rows {
  const float* x;
  int64_t row, column;  // strides
  int64_t count, depth;

  Rows some(int64_t first, int64_t n) const { return {x + first * row, row, column, n, depth}; }
};

// A product's columns, in panels of some; the rest is for int8, undefined in float32. Of two matrices, a panel holds half a
// panel's columns each.
struct Columns {
  const void* panels;      // [panels, depth / kTogether, kCols, kTogether], of all heads
  int64_t count, depth;    // of each matrix; depth: in whole steps
  int64_t matrices;        // 1 or 2
  const float* steps;      // between levels, by place in the panels
  const int32_t* offsets;  // what the zero of rows adds to a column's sums
};

// Products are added in whole instructions: compilers would exchange sums and factors, need more registers than there are and
// keep some of the sums on the stack. They add to copies, since elements of arrays are not always in registers. clang takes
// wide registers in assembly only where a function's own attributes name them.
#if defined(__x86_64__) && !defined(__clang__)
#define FOURM_WHOLE_INSTRUCTIONS
#endif

template <Target kFor>
struct Float32 : Floats<kFor> {
  using V = Floats<kFor>;
  using Row = float;
  using Column = float;
  using Sum = float;
  using Sums = typename V::Vector;
  static constexpr int64_t kColumnLevels = 0;

  // to <- rows, with zeros up to a whole step
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
  FOURM_INLINE static void add_products(const Row* a, const Column* panel, Sums (&sum)[kRows][2]) {
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

  // v <- what the sums of some columns stand for
  FOURM_INLINE static void value(typename V::Vector& v, const Sum* sums, float, const Columns&, int64_t) {
    load<V>(v, sums);
  }

 private:
  FOURM_INLINE static void add(const Sums& x, const Sums& columns, Sums& sum) {
#if defined(FOURM_WHOLE_INSTRUCTIONS)
    if constexpr (kFor != Target::kAny) {
      Sums sums = sum;
      asm("vfmadd231ps %2, %1, %0" : "+v"(sums) : "v"(x), "v"(columns));
      sum = sums;
    } else
#endif
      sum += x * columns;
  }
};

// How four neighbouring products of unsigned with signed bytes are added to a sum of 32 bits.
enum class Dot {
  kPlain,
  kPairs,  // in pairs, whose sums saturate at 16 bits: 2 * 255 * 64 fits, 2 * 255 * 127 does not
  kFours,  // VNNI
};

// Numbers are steps of their row's or column's own size: rows from 1 to 255 around 128, columns around 0.
template <Target kFor, Dot kDot>
struct Int8 : Floats<kFor> {
  using V = Floats<kFor>;
  using Row = uint8_t;
  using Column = int8_t;
  using Sum = int32_t;
  static constexpr int64_t kBytes = sizeof(typename V::Vector);
  typedef Sum Sums __attribute__((vector_size(kBytes)));
  static constexpr int64_t kColumnLevels = kDot == Dot::kPairs ? 64 : 127;

  FOURM_INLINE static void copy(const Rows& rows, Row* to, float* steps) {
    for (int64_t r = 0; r < rows.count; ++r) {
      const float* x = rows.x + r * rows.row;
      steps[r] = largest_magnitude(x, rows.depth) / kRowLevels;
      for (int64_t k = 0; k < rows.depth; k += kRun)
        quantize(x + k, std::min(kRun, rows.depth - k), steps[r], kRowZero, place_of<V>(to, r, k));
    }
  }

  template <int64_t kRows>
  FOURM_INLINE static void add_products(const Row* a, const Column* panel, Sums (&sum)[kRows][2]) {
    Sums low, high;
    std::memcpy(&low, panel, kBytes);
    std::memcpy(&high, panel + kBytes, kBytes);
#pragma GCC unroll 14
    for (int64_t r = 0; r < kRows; ++r) {
      Sum four;
      std::memcpy(&four, a + r * kRowStride<Row>, sizeof four);
      const Sums x = four - Sums{};
#if defined(FOURM_WHOLE_INSTRUCTIONS)
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

  FOURM_INLINE static void value(typename V::Vector& v, const Sum* sums, float row_step, const Columns& columns,
                                 int64_t column) {
    Sums sum, offset;
    typename V::Vector step;
    std::memcpy(&sum, sums, kBytes);
    std::memcpy(&offset, columns.offsets + column, kBytes);
    load<V>(step, columns.steps + column);
    v = __builtin_convertvector(sum - offset, typename V::Vector) * (row_step * step);
  }

 private:
#if defined(FOURM_WHOLE_INSTRUCTIONS)
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
