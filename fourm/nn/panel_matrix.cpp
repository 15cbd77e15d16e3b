#include "fourm/nn/panel_matrix.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/core/memory.h"
#include "fourm/nn/vector.h"

namespace fourm {
namespace {

int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

// Depths are multiplied in whole steps; zeros fill the last one.
constexpr int64_t kStep = 8;
int64_t padded(int64_t depth) { return parts(depth, kStep) * kStep; }

// A tile of x is copied so that its rows lie a run of this many numbers at a time behind each other, a little apart: rows of x
// themselves would often share the same few lines of the first-level cache.
constexpr int64_t kRun = 256, kRowStride = kRun + 16;
// Panels are multiplied in slices of at most this depth, by blocks of tiles: as many as stay in the second-level cache beside
// a slice, but enough to be worth fetching a panel for.
constexpr int64_t kSlice = 4 * kRun;
constexpr int64_t kBlockBytes = 512 << 10, kLeastTiles = 4;

struct Product {
  int64_t rows, out, in, depth;  // depth: that of the panels
  int64_t x_row, x_column;       // strides; one of them is 1
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
  int64_t bytes;  // for each step
  static constexpr int64_t kLine = 64;
};

// to <- some rows of x, as multiply_tile reads them, with zeros up to a whole step
template <class S>
FOURM_INLINE void copy_tile(const Product& product, Range rows, float* to) {
  for (int64_t k = 0; k < product.in; k += kRun, to += S::kRows * kRowStride) {
    const float* from = product.x + rows.begin * product.x_row + k * product.x_column;
    const int64_t n = std::min(kRun, product.in - k), zeros = padded(n) - n;
    if (product.x_column == 1)
      for (int64_t r = 0; r < rows.size(); ++r) std::copy_n(from + r * product.x_row, n, to + r * kRowStride);
    else
      for (int64_t i = 0; i < n; ++i)
        for (int64_t r = 0; r < rows.size(); ++r) to[r * kRowStride + i] = from[i * product.x_column + r];
    for (int64_t r = 0; r < rows.size(); ++r) std::fill_n(to + r * kRowStride + n, zeros, 0.0f);
  }
}

// Fetches what a finished tile writes and reads, while its last slice is multiplied.
template <class S>
FOURM_INLINE void expect_tile(const Product& product, Range rows, int64_t column) {
  for (int64_t r = rows.begin; r < rows.end; ++r)
    for (int64_t c = column; c < column + S::kCols; c += Ahead::kLine / 4) {
      const int64_t place = r * product.out + std::min(c, product.out - 1);
      __builtin_prefetch(product.y + place, 1, 3);
      if (product.other) __builtin_prefetch(product.other + place, 0, 3);
    }
}

// sums[kRows, columns] (+)= a[kRows, depth] panel[depth, columns]
template <class S, int64_t kRows>
FOURM_INLINE void multiply_tile(int64_t depth, const float* a, const float* panel, Ahead ahead, bool add, float* sums) {
  using Vector = typename S::Vector;
  Vector sum[kRows][2] = {}, low, high;
  for (; depth > 0; depth -= kRun, a += S::kRows * kRowStride)
    for (int64_t p0 = 0, n = std::min(depth, kRun); p0 < n; p0 += kStep) {
      for (int64_t i = 0; i < ahead.bytes; i += Ahead::kLine) __builtin_prefetch(ahead.next + i, 0, 2);
      ahead.next += ahead.bytes;
#pragma GCC unroll 8
      for (int64_t p = p0; p < p0 + kStep; ++p, panel += S::kCols) {
        asm volatile("" ::: "memory");  // step by step: loads of several would need more registers than there are
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
    float* to = sums + r * S::kCols;
    if (add) {
      load<S>(low, to);
      load<S>(high, to + S::kLanes);
      sum[r][0] += low, sum[r][1] += high;
    }
    low = sum[r][0], high = sum[r][1];
    store<S>(low, to);
    store<S>(high, to + S::kLanes);
  }
}

template <class S, int64_t kRows>
FOURM_INLINE void multiply_rows(int64_t rows, int64_t depth, const float* a, const float* panel, Ahead ahead, bool add,
                                float* sums) {
  if constexpr (kRows > 0) {
    if (rows == kRows)
      multiply_tile<S, kRows>(depth, a, panel, ahead, add, sums);
    else
      multiply_rows<S, kRows - 1>(rows, depth, a, panel, ahead, add, sums);
  }
}

// y = epilogue(sums + bias) on a tile's rows, of which `columns` numbers are in y: a constant where it can be
template <class S, Epilogue::Kind kKind>
FOURM_INLINE void finish_rows(const Product& product, Range rows, int64_t column, int64_t columns, const float* sums) {
  typename S::Vector v, term;
  for (int64_t r = rows.begin; r < rows.end; ++r, sums += S::kCols)
    for (int64_t c = 0; c < columns; c += S::kLanes) {
      const int64_t n = std::min(S::kLanes, columns - c), place = r * product.out + column + c;
      load<S>(v, sums + c);
      if (product.bias) load<S>(term, product.bias + column + c, n), v += term;
      if constexpr (kKind == Epilogue::kSilu) silu<S>(v);
      if constexpr (kKind == Epilogue::kGelu) gelu<S>(v);
      if constexpr (kKind == Epilogue::kTimes) load<S>(term, product.other + place, n), v *= term;
      if constexpr (kKind == Epilogue::kPlus) load<S>(term, product.other + place, n), v += term;
      store<S>(v, product.y + place, n);
    }
}

template <class S, Epilogue::Kind kKind>
FOURM_INLINE void finish_tile(const Product& product, Range rows, int64_t column, const float* sums) {
  if (product.out - column >= S::kCols)
    finish_rows<S, kKind>(product, rows, column, S::kCols, sums);
  else
    finish_rows<S, kKind>(product, rows, column, product.out - column, sums);
}

template <class S>
FOURM_INLINE void finish_tile(const Product& product, Range rows, int64_t column, const float* sums) {
  switch (product.kind) {
    case Epilogue::kSilu: return finish_tile<S, Epilogue::kSilu>(product, rows, column, sums);
    case Epilogue::kGelu: return finish_tile<S, Epilogue::kGelu>(product, rows, column, sums);
    case Epilogue::kTimes: return finish_tile<S, Epilogue::kTimes>(product, rows, column, sums);
    case Epilogue::kPlus: return finish_tile<S, Epilogue::kPlus>(product, rows, column, sums);
    case Epilogue::kNone: return finish_tile<S, Epilogue::kNone>(product, rows, column, sums);
  }
}

// How a product is cut: rows into tiles as equal as can be, tiles into blocks, columns into panels. Threads claim one panel of
// a block after the other, so that one which the machine holds up does not hold up the rest.
struct Work {
  int64_t tiles, tile_floats, blocks, panels, threads;
  std::vector<std::atomic<int64_t>> claimed;  // panels of each block

  Work(const Product& product, int64_t tile_rows, int64_t panel_count, int64_t most_threads)
      : tiles(parts(product.rows, tile_rows)),
        tile_floats(parts(product.depth, kRun) * tile_rows * kRowStride),
        panels(panel_count) {
    const int64_t most = std::max(kLeastTiles, kBlockBytes / (tile_floats * 4));
    blocks = std::max(parts(tiles, most), std::clamp<int64_t>(tiles / kLeastTiles, 1, most_threads));
    threads = std::min(most_threads, blocks * panels);
    claimed = std::vector<std::atomic<int64_t>>(static_cast<size_t>(blocks));
  }
};

// What one thread does of a product: it begins with a block of its own and ends where there is something left.
template <int64_t kBytes>
FOURM_INLINE void multiply_claimed(const Product& product, Work& work, int64_t thread) {
  using S = Simd<float, kBytes>;
  constexpr int64_t kRunFloats = S::kRows * kRowStride, kSums = S::kRows * S::kCols;
  const int64_t tile_floats = work.tile_floats, most = parts(work.tiles, work.blocks);
  thread_local std::vector<float> scratch;
  float* const a = aligned_scratch(scratch, most * (tile_floats + kSums));
  float* const sums = a + most * tile_floats;
  const auto panel_at = [&](int64_t p) { return product.panels + p * product.depth * S::kCols; };
  for (int64_t i = 0; i < work.blocks; ++i) {
    const int64_t block = (thread * work.blocks / work.threads + i) % work.blocks;
    std::atomic<int64_t>& claimed = work.claimed[static_cast<size_t>(block)];
    int64_t p = claimed++;
    if (p >= work.panels) continue;
    const Range tiles = Range::part(work.tiles, block, work.blocks);
    const auto rows_of = [&](int64_t t) { return Range::part(product.rows, tiles.begin + t, work.tiles); };
    for (int64_t t = 0; t < tiles.size(); ++t) copy_tile<S>(product, rows_of(t), a + t * tile_floats);
    const int64_t lines_ahead = parts(kStep * S::kCols * 4, tiles.size() * Ahead::kLine);
    for (int64_t next; p < work.panels; p = next) {
      next = claimed++;
      const float* panel = panel_at(p);
      Ahead ahead{reinterpret_cast<const char*>(panel), 0};
      if (next < work.panels) ahead = {reinterpret_cast<const char*>(panel_at(next)), lines_ahead * Ahead::kLine};
      for (int64_t k = 0; k < product.depth; k += kSlice) {
        const int64_t depth = std::min(kSlice, product.depth - k);
        for (int64_t t = 0; t < tiles.size(); ++t, ahead.next += ahead.bytes * (depth / kStep)) {
          if (k + depth == product.depth) expect_tile<S>(product, rows_of(t), p * S::kCols);
          multiply_rows<S, S::kRows>(rows_of(t).size(), depth, a + t * tile_floats + k / kRun * kRunFloats,
                                     panel + k * S::kCols, ahead, k > 0, sums + t * kSums);
        }
      }
      for (int64_t t = 0; t < tiles.size(); ++t) finish_tile<S>(product, rows_of(t), p * S::kCols, sums + t * kSums);
    }
  }
}

FOURM_AVX512 void multiply_avx512(const Product& product, Work& work, int64_t thread) {
  multiply_claimed<64>(product, work, thread);
}
FOURM_AVX2 void multiply_avx2(const Product& product, Work& work, int64_t thread) {
  multiply_claimed<32>(product, work, thread);
}

// The widths of a register tile on this processor.
int64_t tile_rows() { return has_avx512() ? Simd<float, 64>::kRows : Simd<float, 32>::kRows; }
int64_t tile_columns() { return has_avx512() ? Simd<float, 64>::kCols : Simd<float, 32>::kCols; }

}  // namespace

PanelMatrix::PanelMatrix(int64_t in, int64_t out)
    : in_(in), out_(out), panels_(at::empty({parts(out, tile_columns()), padded(in), tile_columns()}, at::kFloat)) {
  prefer_large_pages(panels_.data_ptr(), panels_.nbytes());
}

PanelMatrix::PanelMatrix(const Tensor& columns) : PanelMatrix(columns.size(0), columns.size(1)) { pack(columns, 0); }

void PanelMatrix::pack(const Tensor& columns, int64_t first) {
  Tensor from = columns.to(at::kFloat);
  if (from.stride(0) != 1 && from.stride(1) != 1) from = from.contiguous();
  const int64_t width = tile_columns(), depth = panels_.size(1), count = from.size(1), row = from.stride(0),
                column = from.stride(1);
  at::parallel_for(0, parts(count, width), std::max<int64_t>(1, (1 << 16) / (depth * width)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t p = begin; p < end; ++p) {
                       const int64_t n = std::min(width, count - p * width);
                       const float* some = from.data_ptr<float>() + p * width * column;
                       float* panel = panels_.data_ptr<float>() + (first + p * width) * depth;
                       for (int64_t k = 0; k < in_; ++k, some += row, panel += width) {
                         for (int64_t c = 0; c < n; ++c) panel[c] = some[c * column];
                         std::fill(panel + n, panel + width, 0.0f);
                       }
                       std::fill(panel, panel + (depth - in_) * width, 0.0f);
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
                        panels_.size(1),
                        in.stride(0),
                        in.stride(1),
                        in.data_ptr<float>(),
                        panels_.data_ptr<float>(),
                        bias.defined() ? bias.data_ptr<float>() : nullptr,
                        other.defined() ? other.data_ptr<float>() : nullptr,
                        y.data_ptr<float>(),
                        epilogue.kind};
  constexpr int64_t kWorthSharing = 1 << 20;  // multiply-adds
  const bool worth = product.rows * out_ * in_ >= kWorthSharing;
  Work work(product, tile_rows(), panels_.size(0), worth ? at::get_num_threads() : 1);
  const auto multiply = has_avx512() ? multiply_avx512 : has_avx2() ? multiply_avx2 : multiply_claimed<32>;
  at::parallel_for(0, work.threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) multiply(product, work, i);
  });
  return y;
}

}  // namespace fourm
