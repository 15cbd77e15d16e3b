#include "fourm/nn/panel_matrix.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/nn/vector.h"

namespace fourm {
namespace {

int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

// A tile of x is copied so that its rows lie this many numbers at a time behind each other, a little apart: rows of x
// themselves would often share the same few lines of the first-level cache.
constexpr int64_t kDepth = 256, kRowStride = kDepth + 16;
// Panels are multiplied in slices of at most this depth, by as many tiles as stay in the second-level cache beside them.
constexpr int64_t kSliceDepths = 4, kBlockBytes = 512 << 10;

struct Product {
  int64_t rows, out, in;
  int64_t x_row, x_column;  // strides; one of them is 1
  const float *x, *panels, *bias, *other;
  float* y;
  Epilogue::Kind kind;
};

struct Range {
  int64_t begin, end;
  static Range part(int64_t n, int64_t i, int64_t count) { return {n * i / count, n * (i + 1) / count}; }
  int64_t size() const { return end - begin; }
};

// Memory to have at hand soon, spread over a tile's work.
struct Ahead {
  const char* next;
  int64_t bytes;  // for each kStep of the depth
  static constexpr int64_t kStep = 8, kLine = 64;
};

// to[rows, n] <- from, as multiply_tile reads it
FOURM_INLINE void copy_tile(const Product& product, const float* from, int64_t rows, int64_t n, float* to) {
  if (product.x_column == 1)
    for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * product.x_row, n, to + r * kRowStride);
  else
    for (int64_t k = 0; k < n; ++k)
      for (int64_t r = 0; r < rows; ++r) to[r * kRowStride + k] = from[k * product.x_column + r];
}

// sums[kRows, columns] = a[kRows, depth] panel[depth, columns]
template <class S, int64_t kRows>
FOURM_INLINE void multiply_tile(int64_t depth, const float* a, const float* panel, Ahead ahead, float* sums) {
  using Vector = typename S::Vector;
  Vector sum[kRows][2] = {}, low, high;
  for (; depth > 0; depth -= kDepth, a += S::kRows * kRowStride)
    for (int64_t p0 = 0, n = std::min(depth, kDepth); p0 < n; p0 += Ahead::kStep) {
      for (int64_t i = 0; i < ahead.bytes; i += Ahead::kLine) __builtin_prefetch(ahead.next + i, 0, 2);
      ahead.next += ahead.bytes;
      const int64_t steps = std::min(Ahead::kStep, n - p0);
#pragma GCC unroll 8
      for (int64_t p = p0; p < p0 + steps; ++p, panel += S::kCols) {
        load<S>(low, panel);
        load<S>(high, panel + S::kLanes);
#pragma GCC unroll 14
        for (int64_t r = 0; r < kRows; ++r) {
          const float x = a[r * kRowStride + p];
          sum[r][0] += x * low;
          sum[r][1] += x * high;
        }
      }
    }
#pragma GCC unroll 14
  for (int64_t r = 0; r < kRows; ++r) {
    low = sum[r][0], high = sum[r][1];
    store<S>(low, sums + r * S::kCols);
    store<S>(high, sums + r * S::kCols + S::kLanes);
  }
}

template <class S, int64_t kRows>
FOURM_INLINE void multiply_rows(int64_t rows, int64_t depth, const float* a, const float* panel, Ahead ahead,
                                float* sums) {
  if constexpr (kRows > 0) {
    if (rows == kRows)
      multiply_tile<S, kRows>(depth, a, panel, ahead, sums);
    else
      multiply_rows<S, kRows - 1>(rows, depth, a, panel, ahead, sums);
  }
}

// y (+)= sums on a tile's rows; after the last slice what follows the product.
template <class S>
FOURM_INLINE void finish_tile(const Product& product, Range rows, int64_t column, const float* sums, bool first,
                              bool last) {
  typename S::Vector v, term;
  for (int64_t r = rows.begin; r < rows.end; ++r, sums += S::kCols)
    for (int64_t c = 0; c < std::min(S::kCols, product.out - column); c += S::kLanes) {
      const int64_t n = std::min(S::kLanes, product.out - column - c), place = r * product.out + column + c;
      load<S>(v, sums + c);
      if (!first) load<S>(term, product.y + place, n), v += term;
      if (last && product.bias) load<S>(term, product.bias + column + c, n), v += term;
      if (last && product.other) load<S>(term, product.other + place, n);
      if (last) switch (product.kind) {
          case Epilogue::kSilu: silu<S>(v); break;
          case Epilogue::kGelu: gelu<S>(v); break;
          case Epilogue::kTimes: v *= term; break;
          case Epilogue::kPlus: v += term; break;
          case Epilogue::kNone: break;
        }
      store<S>(v, product.y + place, n);
    }
}

// Some tiles of rows by some panels. Tiles are as equal as can be: `tile_count` of them make all rows.
template <int64_t kBytes>
FOURM_INLINE void multiply_share(const Product& product, int64_t tile_count, Range tiles, Range panels) {
  using S = Simd<float, kBytes>;
  constexpr int64_t kTileDepth = S::kRows * kRowStride;  // floats of a tile for kDepth numbers of each row
  const int64_t depths = parts(product.in, kDepth), slices = parts(depths, kSliceDepths);
  const int64_t tile_floats = parts(depths, slices) * kTileDepth;
  const int64_t blocks = parts(tiles.size() * tile_floats * 4, kBlockBytes);
  thread_local std::vector<float> scratch;
  float* const a = aligned_scratch(scratch, parts(tiles.size(), blocks) * tile_floats);
  for (int64_t block = 0; block < blocks; ++block) {
    const Range here = Range::part(tiles.size(), block, blocks);
    const auto rows_of = [&](int64_t i) { return Range::part(product.rows, tiles.begin + here.begin + i, tile_count); };
    for (int64_t slice = 0; slice < slices; ++slice) {
      const Range some = Range::part(depths, slice, slices);
      const int64_t first = some.begin * kDepth, depth = std::min(some.end * kDepth, product.in) - first;
      for (int64_t i = 0; i < here.size(); ++i)
        for (int64_t d = 0; d < some.size(); ++d)
          copy_tile(product, product.x + rows_of(i).begin * product.x_row + (first + d * kDepth) * product.x_column,
                    rows_of(i).size(), std::min(kDepth, depth - d * kDepth), a + i * tile_floats + d * kTileDepth);
      const int64_t steps = parts(depth, Ahead::kStep);
      const int64_t lines = parts(depth * S::kCols * 4, steps * here.size() * Ahead::kLine);
      for (int64_t p = panels.begin; p < panels.end; ++p) {
        const float* panel = product.panels + (p * product.in + first) * S::kCols;
        Ahead ahead{reinterpret_cast<const char*>(panel + product.in * S::kCols),
                    p + 1 < panels.end ? lines * Ahead::kLine : 0};
        for (int64_t i = 0; i < here.size(); ++i, ahead.next += ahead.bytes * steps) {
          alignas(kBytes) float sums[S::kRows * S::kCols];
          multiply_rows<S, S::kRows>(rows_of(i).size(), depth, a + i * tile_floats, panel, ahead, sums);
          finish_tile<S>(product, rows_of(i), p * S::kCols, sums, slice == 0, slice + 1 == slices);
        }
      }
    }
  }
}

FOURM_AVX512 void multiply_avx512(const Product& product, int64_t tile_count, Range tiles, Range panels) {
  multiply_share<64>(product, tile_count, tiles, panels);
}
FOURM_AVX2 void multiply_avx2(const Product& product, int64_t tile_count, Range tiles, Range panels) {
  multiply_share<32>(product, tile_count, tiles, panels);
}

// The widths of a register tile on this processor.
int64_t tile_rows() { return has_avx512() ? Simd<float, 64>::kRows : Simd<float, 32>::kRows; }
int64_t tile_columns() { return has_avx512() ? Simd<float, 64>::kCols : Simd<float, 32>::kCols; }

// Shares of a product: tiles of rows in `rows` parts by panels in `columns` parts.
struct Shares {
  int64_t rows, columns;
};

// In units of the time that a tile and a panel take: copying a tile costs as much as multiplying it once at most, fetching a
// panel from memory as much as twice.
Shares shares_of(int64_t tiles, int64_t panels, int64_t threads) {
  Shares best{1, 1};
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t rows = 1; rows <= std::min(threads, tiles); ++rows) {
    const int64_t columns = std::min(threads / rows, panels);
    const int64_t some_tiles = parts(tiles, rows), some_panels = parts(panels, columns);
    const int64_t cost = some_tiles * (some_panels + 1) + 2 * some_panels;
    if (cost < least) least = cost, best = {rows, columns};
  }
  return best;
}

}  // namespace

PanelMatrix::PanelMatrix(int64_t in, int64_t out)
    : in_(in), out_(out), panels_(at::empty({parts(out, tile_columns()), in, tile_columns()}, at::kFloat)) {}

PanelMatrix::PanelMatrix(const Tensor& columns) : PanelMatrix(columns.size(0), columns.size(1)) { pack(columns, 0); }

void PanelMatrix::pack(const Tensor& columns, int64_t first) {
  Tensor from = columns.to(at::kFloat);
  if (from.stride(0) != 1 && from.stride(1) != 1) from = from.contiguous();
  const int64_t width = tile_columns(), count = from.size(1), row = from.stride(0), column = from.stride(1);
  at::parallel_for(0, parts(count, width), std::max<int64_t>(1, (1 << 16) / (in_ * width)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t p = begin; p < end; ++p) {
                       const int64_t n = std::min(width, count - p * width);
                       const float* some = from.data_ptr<float>() + p * width * column;
                       float* panel = panels_.data_ptr<float>() + (first + p * width) * in_;
                       for (int64_t k = 0; k < in_; ++k, some += row, panel += width) {
                         for (int64_t c = 0; c < n; ++c) panel[c] = some[c * column];
                         std::fill(panel + n, panel + width, 0.0f);
                       }
                     }
                   });
}

Tensor PanelMatrix::multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue) const {
  check(x.dim() == 2 && x.size(1) == in_, "[PanelMatrix] rows of ", in_, " numbers expected, found ", x.sizes());
  const Tensor in = x.stride(0) == 1 || x.stride(1) == 1 ? x : x.contiguous(),
               other = epilogue.other.defined() ? epilogue.other.contiguous() : Tensor();
  Tensor y = at::empty({x.size(0), out_}, at::kFloat);
  if (y.numel() == 0) return y;
  const Product product{x.size(0),
                        out_,
                        in_,
                        in.stride(0),
                        in.stride(1),
                        in.data_ptr<float>(),
                        panels_.data_ptr<float>(),
                        bias.defined() ? bias.data_ptr<float>() : nullptr,
                        other.defined() ? other.data_ptr<float>() : nullptr,
                        y.data_ptr<float>(),
                        epilogue.kind};
  const int64_t tiles = parts(product.rows, tile_rows()), panels = panels_.size(0);
  constexpr int64_t kWorthSharing = 1 << 20;  // multiply-adds
  const bool worth = product.rows * out_ * in_ >= kWorthSharing;
  const Shares shares = shares_of(tiles, panels, worth ? at::get_num_threads() : 1);
  const auto multiply = has_avx512() ? multiply_avx512 : has_avx2() ? multiply_avx2 : multiply_share<32>;
  at::parallel_for(0, shares.rows * shares.columns, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      multiply(product, tiles, Range::part(tiles, i / shares.columns, shares.rows),
               Range::part(panels, i % shares.columns, shares.columns));
  });
  return y;
}

}  // namespace fourm
