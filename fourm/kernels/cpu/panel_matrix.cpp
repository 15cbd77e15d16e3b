#include "fourm/kernels/cpu/panel_matrix.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <optional>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/kernels/cpu/huge_page_tensor.h"
#include "fourm/kernels/cpu/panel_tile.h"

namespace fourm {
namespace {

int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

// Blocks of row tiles are multiplied by slices of panels. A slice and a block fit in the second-level cache together; a block
// has at least kLeastTiles tiles, so that fetching a panel pays off.
constexpr int64_t kSliceBytes = 64 << 10, kBlockBytes = 256 << 10, kLeastTiles = 4;

// The matrix multiplication of one head: its rows by its columns.
struct Gemm {
  Rows rows;
  Columns columns;
  const float *bias, *residual;
  float* y;
  int64_t y_row, residual_row;  // strides
  Epilogue::Kind kind;
  int64_t panel_columns;   // of y
  int64_t panels;          // of a head
  int64_t x_head, y_head;  // strides
  int64_t first_panel = 0;
  bool gated() const { return columns.matrices == 2; }

  // The matrix multiplication of the head `heads` further on.
  Gemm further(int64_t heads) const {
    Gemm p = *this;
    p.rows.x += heads * x_head;
    p.first_panel += heads * panels;
    if (bias) p.bias += heads * columns.matrices * columns.count;
    if (residual) p.residual += heads * columns.count;
    p.y += heads * y_head;
    return p;
  }
};

struct Range {
  int64_t begin, end;
  static Range part(int64_t n, int64_t i, int64_t count) { return {n * i / count, n * (i + 1) / count}; }
  int64_t size() const { return end - begin; }
};

// Prefetches a range of memory while tiles are multiplied. A large range is divided into parts whose lines are fetched in
// turn, since processors read several streams faster than one.
struct Ahead {
  const char *next, *end;
  int64_t apart, back;  // bytes to the next line, and back from beyond the end
  int64_t lines;        // prefetched in each step
  int64_t left;         // lines not prefetched yet
  static constexpr int64_t kLine = 64, kParts = 4, kLeastPart = 8 << 10;

  Ahead(const char* begin, int64_t bytes, int64_t for_each_step)
      : next(begin), lines(for_each_step), left(bytes / kLine) {
    const int64_t part = bytes / kParts / kLine * kLine;
    const bool in_turn = part >= kLeastPart;
    end = begin + (in_turn ? kParts * part : bytes);
    apart = in_turn ? part : kLine;
    back = in_turn ? kParts * part - kLine : 0;
  }
  FOURM_INLINE void fetch() {
    for (int64_t i = 0; i < lines; ++i) {
      __builtin_prefetch(next, 0, 2);
      next += apart;
      if (next >= end) next -= back;
    }
  }
  // Stops prefetching once the whole range has been prefetched.
  void expect(int64_t steps) {
    if (left <= 0) lines = 0;
    left -= lines * steps;
  }
};

// Prefetches what the epilogue of a tile reads and writes, while the tile's last slice is multiplied.
FOURM_INLINE void expect_tile(const Gemm& gemm, Range rows, int64_t panel) {
  const int64_t out = gemm.columns.count, first = panel * gemm.panel_columns;
  for (int64_t r = rows.begin; r < rows.end; ++r)
    for (int64_t c = first; c < first + gemm.panel_columns; c += Ahead::kLine / 4) {
      const int64_t column = std::min(c, out - 1);
      __builtin_prefetch(gemm.y + r * gemm.y_row + column, 1, 3);
      if (gemm.residual) __builtin_prefetch(gemm.residual + r * gemm.residual_row + column, 0, 3);
    }
}

// sums[kRows, columns] (+)= a[kRows, depth] panel[depth, columns]
template <class Form, int64_t kRows>
FOURM_INLINE void multiply_tile(int64_t depth, const typename Form::Row* a, const typename Form::Column* panel,
                                Ahead* all_ahead, bool add, typename Form::Sum* sums) {
  Ahead ahead = *all_ahead;
  using Sums = typename Form::Sums;
  using Row = typename Form::Row;
  Sums sum[kRows][2] = {};
  for (; depth > 0; depth -= kRun, a += Form::kRows * kRowStride<Row>)
    for (int64_t p0 = 0, n = std::min(depth, kRun); p0 < n; p0 += kStep<Row>) {
      ahead.fetch();
#pragma GCC unroll 8
      for (int64_t p = p0; p < p0 + kStep<Row>; p += kTogether<Row>, panel += kTogether<Row> * Form::kCols) {
        asm volatile("" ::
                         : "memory");  // keeps loads of later steps from moving up, which would need too many registers
        Form::template multiply_add<kRows>(a + p, panel, sum);
      }
    }
  all_ahead->next = ahead.next;
#pragma GCC unroll 14
  for (int64_t r = 0; r < kRows; ++r) {
    typename Form::Sum before[Form::kCols] = {}, *const to = sums + r * Form::kCols;
    if (add) std::copy_n(to, Form::kCols, before);
    const Sums low = sum[r][0], high = sum[r][1];
    std::memcpy(to, &low, sizeof low);
    std::memcpy(to + Form::kLanes, &high, sizeof high);
    for (int64_t c = 0; c < Form::kCols; ++c) to[c] += before[c];
  }
}

// Separate functions: inlined into larger ones, compilers run out of registers.
template <class Form, int64_t kRows, class... Arguments>
[[gnu::noinline]] FOURM_AVX512 void multiply_tile_avx512(Arguments... arguments) {
  multiply_tile<Form, kRows>(arguments...);
}
template <class Form, int64_t kRows, class... Arguments>
[[gnu::noinline]] FOURM_AVX2 void multiply_tile_avx2(Arguments... arguments) {
  multiply_tile<Form, kRows>(arguments...);
}

template <class Form, int64_t kRows, class... Arguments>
FOURM_INLINE void multiply_rows(int64_t rows, Arguments... arguments) {
  if constexpr (kRows > 0) {
    if (rows != kRows)
      multiply_rows<Form, kRows - 1>(rows, arguments...);
    else if constexpr (Form::kTarget == Target::kAvx512)
      multiply_tile_avx512<Form, kRows>(arguments...);  // NOLINT(bugprone-branch-clone): another function
    else if constexpr (Form::kTarget == Target::kAvx2)
      multiply_tile_avx2<Form, kRows>(arguments...);
    else
      multiply_tile<Form, kRows>(arguments...);
  }
}

// v <- dequantised sums + bias
template <class Form>
FOURM_INLINE void sums_with_bias(const Gemm& gemm, int64_t matrix, int64_t column, int64_t n,
                                 const typename Form::Sum* sums, float scale, int64_t place,
                                 typename Form::V::Vector& v) {
  typename Form::V::Vector
      bias{};  // added unconditionally: compilers fuse it with the scale either everywhere or nowhere
  if (gemm.bias) load<typename Form::V>(bias, gemm.bias + matrix * gemm.columns.count + column, n);
  Form::value(v, sums, scale, gemm.columns, place);
  v += bias;
}

// y = epilogue(sums + bias), times the second matrix's sums where gated, for a tile's rows and a panel. `columns` of the
// panel's columns are inside y; it is a compile-time constant for whole panels.
template <class Form, Epilogue::Kind kKind, bool kGated>
FOURM_INLINE void finish_rows(const Gemm& gemm, Range rows, int64_t panel, int64_t columns,
                              const typename Form::Sum* sums, const float* scales) {
  using V = typename Form::V;
  const int64_t first = panel * (kGated ? V::kLanes : V::kCols);
  typename V::Vector v, term;
  for (int64_t r = rows.begin; r < rows.end; ++r, sums += V::kCols, ++scales)
    for (int64_t c = 0; c < columns; c += V::kLanes) {
      const int64_t n = std::min(V::kLanes, columns - c), column = first + c,
                    place = (gemm.first_panel + panel) * V::kCols + c;
      sums_with_bias<Form>(gemm, 0, column, n, sums + c, *scales, place, v);
      if constexpr (kKind == Epilogue::kSilu) silu<V>(v);
      if constexpr (kKind == Epilogue::kGelu) gelu<V>(v);
      if constexpr (kKind == Epilogue::kResidual)
        load<V>(term, gemm.residual + r * gemm.residual_row + column, n), v += term;
      if constexpr (kGated) {
        sums_with_bias<Form>(gemm, 1, column, n, sums + V::kLanes, *scales, place + V::kLanes, term);
        v *= term;
      }
      store<V>(v, gemm.y + r * gemm.y_row + column, n);
    }
}

template <class Form, Epilogue::Kind kKind, bool kGated>
FOURM_INLINE void finish_tile(const Gemm& gemm, Range rows, int64_t panel, const typename Form::Sum* sums,
                              const float* scales) {
  constexpr int64_t kCols = kGated ? Form::kLanes : Form::kCols;
  const int64_t columns = gemm.columns.count - panel * kCols;
  if (columns >= kCols)
    finish_rows<Form, kKind, kGated>(gemm, rows, panel, kCols, sums, scales);
  else
    finish_rows<Form, kKind, kGated>(gemm, rows, panel, columns, sums, scales);
}

template <class Form>
FOURM_INLINE void finish_tile(const Gemm& gemm, Range rows, int64_t panel, const typename Form::Sum* sums,
                              const float* scales) {
  using enum Epilogue::Kind;
  if (gemm.gated())
    gemm.kind == kSilu ? finish_tile<Form, kSilu, true>(gemm, rows, panel, sums, scales)
                       : finish_tile<Form, kGelu, true>(gemm, rows, panel, sums, scales);
  else
    switch (gemm.kind) {
      case kSilu: return finish_tile<Form, kSilu, false>(gemm, rows, panel, sums, scales);
      case kGelu: return finish_tile<Form, kGelu, false>(gemm, rows, panel, sums, scales);
      case kResidual: return finish_tile<Form, kResidual, false>(gemm, rows, panel, sums, scales);
      case kNone: return finish_tile<Form, kNone, false>(gemm, rows, panel, sums, scales);
      case kTanh: return;  // multiply() refuses it
    }
}

// A panel and the block of row tiles that it is multiplied with.
struct Place {
  int64_t block, panel;
};

// The division of work. Rows are divided into tiles of nearly equal size, a head's tiles into blocks, its columns into
// panels. A share is a part of a block's panels, or all of them where there are at least as many blocks as threads. Threads
// claim the panels of a share one by one, so that a thread that is held up does not hold up the others.
struct Work {
  int64_t tiles, blocks_in_head, blocks, panels, threads, shares_in_block;
  struct alignas(Ahead::kLine) Count : std::atomic<int64_t> {};  // in a cache line of its own
  std::vector<Count> claimed;                                    // panels of each share

  Work(int64_t heads, int64_t tile_count, int64_t tile_bytes, int64_t panel_count, int64_t most_threads)
      : tiles(tile_count), panels(panel_count) {
    const int64_t most = std::max(kLeastTiles, kBlockBytes / tile_bytes);
    blocks_in_head =
        std::max(parts(tiles, most), std::clamp<int64_t>(tiles / kLeastTiles, 1, parts(most_threads, heads)));
    blocks = heads * blocks_in_head;
    threads = std::min(most_threads, blocks * panels);
    shares_in_block = parts(threads, blocks);
    claimed = std::vector<Count>(static_cast<size_t>(shares()));
  }
  int64_t shares() const { return blocks * shares_in_block; }
  int64_t head(int64_t block) const { return block / blocks_in_head; }
  Range block_tiles(int64_t block) const { return Range::part(tiles, block % blocks_in_head, blocks_in_head); }
  int64_t most_tiles() const { return parts(tiles, blocks_in_head); }
};

// A thread's way through the shares, from one of its own on to where there is something left.
class Turn {
 public:
  Turn(Work& work, int64_t thread) : work_(work), share_(thread * work.shares() / work.threads) {}
  // The next place, which no other thread gets; none when all are claimed.
  std::optional<Place> claim() {
    return look([](std::atomic<int64_t>& claimed) { return claimed++; });
  }
  // The place that it would get now.
  std::optional<Place> expect() {
    return look([](const std::atomic<int64_t>& claimed) { return claimed.load(); });
  }

 private:
  template <class Read>
  std::optional<Place> look(const Read& read) {
    for (; left_ > 0; --left_, share_ = (share_ + 1) % work_.shares()) {
      const Range panels = Range::part(work_.panels, share_ % work_.shares_in_block, work_.shares_in_block);
      const int64_t panel = panels.begin + read(work_.claimed[static_cast<size_t>(share_)]);
      if (panel < panels.end) return Place{share_ / work_.shares_in_block, panel};
    }
    return {};
  }
  Work& work_;
  int64_t share_, left_ = work_.shares();
};

// Numbers of a run of a copied tile.
template <class Form>
constexpr int64_t kRunSize = Form::kRows* kRowStride<typename Form::Row>;

// What a thread keeps of a block's tiles.
template <class Form>
struct Scratch {
  std::vector<Range> tiles;
  std::vector<typename Form::Row> rows;
  std::vector<typename Form::Sum> sums;
  std::vector<float> scales;
};

// What one thread does of a gemm.
template <class Form>
FOURM_INLINE void multiply_claimed(const Gemm& first, Work& work, int64_t thread) {
  using Row = typename Form::Row;
  using Column = typename Form::Column;
  constexpr int64_t kSums = Form::kRows * Form::kCols, kSlice = kSliceBytes / (Form::kCols * sizeof(Column));
  const int64_t depth = first.columns.depth, size = parts(depth, kRun) * kRunSize<Form>, most = work.most_tiles();
  thread_local Scratch<Form> scratch;
  Row* const a = aligned_scratch(scratch.rows, most * size);
  auto* const sums = aligned_scratch(scratch.sums, most * kSums);
  float* const scales = aligned_scratch(scratch.scales, most * Form::kRows);
  Range* const tiles = aligned_scratch(scratch.tiles, most);
  const auto panel_at = [&](const Place& place) {
    return static_cast<const Column*>(first.columns.panels) +
           (work.head(place.block) * first.panels + place.panel) * depth * Form::kCols;
  };
  Gemm gemm = first;
  int64_t copied = -1, count = 0;  // block, its tiles
  Turn turn(work, thread);
  for (auto place = turn.claim(), claimed = place; place; place = claimed) {
    if (place->block != copied) {
      const Range some = work.block_tiles(place->block);
      copied = place->block, count = some.size();
      gemm = first.further(work.head(copied));
      for (int64_t t = 0; t < count; ++t) {
        tiles[t] = Range::part(gemm.rows.count, some.begin + t, work.tiles);
        Form::copy(gemm.rows.some(tiles[t].begin, tiles[t].size()), a + t * size, scales + t * Form::kRows);
      }
    }
    const Column* panel = panel_at(*place);
    for (int64_t k = 0; k < depth; k += kSlice) {
      const int64_t beyond = std::min(k + kSlice, depth), n = beyond - k;
      // Fetched meanwhile: the panel's next slice, or the first one of the next panel.
      const auto next = beyond < depth ? place : turn.expect();
      const int64_t next_k = beyond % depth, next_n = next ? std::min(kSlice, depth - next_k) : 0,
                    bytes = next_n * Form::kCols * sizeof(Column);
      Ahead ahead(next ? reinterpret_cast<const char*>(panel_at(*next) + next_k * Form::kCols) : nullptr, bytes,
                  parts(bytes, count * n / kStep<Row> * Ahead::kLine));
      for (int64_t t = 0; t < count; ++t) {
        ahead.expect(n / kStep<Row>);
        if (beyond == depth) expect_tile(gemm, tiles[t], place->panel);
        multiply_rows<Form, Form::kRows>(tiles[t].size(), n, place_of<Form>(a + t * size, 0, k),
                                         panel + k * Form::kCols, &ahead, k > 0, sums + t * kSums);
      }
    }
    claimed = turn.claim();  // before the tiles are written: it waits for writes
    for (int64_t t = 0; t < count; ++t)
      finish_tile<Form>(gemm, tiles[t], place->panel, sums + t * kSums, scales + t * Form::kRows);
  }
}

template <class Form>
FOURM_AVX512 void multiply_avx512(const Gemm& gemm, Work& work, int64_t thread) {
  multiply_claimed<Form>(gemm, work, thread);
}
template <class Form>
FOURM_AVX2 void multiply_avx2(const Gemm& gemm, Work& work, int64_t thread) {
  multiply_claimed<Form>(gemm, work, thread);
}

// The implementation for one instruction set and data type.
struct Kernel {
  void (*multiply)(const Gemm&, Work&, int64_t thread);
  int64_t rows, columns, run_bytes;  // of a tile
  int64_t qmax;                      // of int8 columns
};

template <class Form>
Kernel kernel_of() {
  auto multiply = multiply_claimed<Form>;
  if constexpr (Form::kTarget == Target::kAvx512) multiply = multiply_avx512<Form>;
  if constexpr (Form::kTarget == Target::kAvx2) multiply = multiply_avx2<Form>;
  return {multiply, Form::kRows, Form::kCols, kRunSize<Form> * int64_t{sizeof(typename Form::Row)}, Form::kColumnQmax};
}

// The fastest implementation on this processor.
const Kernel& kernel(PanelMatrix::Dtype dtype) {
  using enum Target;
  static const Kernel float32 = has_avx512() ? kernel_of<Float32<kAvx512>>()
                                : has_avx2() ? kernel_of<Float32<kAvx2>>()
                                             : kernel_of<Float32<kAny>>();
  static const Kernel int8 = has_avx512_vnni() ? kernel_of<Int8<kAvx512, Dot::kFours>>()
                             : has_avx_vnni()  ? kernel_of<Int8<kAvx2, Dot::kFours>>()
                             : has_avx512()    ? kernel_of<Int8<kAvx512, Dot::kPairs>>()
                             : has_avx2()      ? kernel_of<Int8<kAvx2, Dot::kPairs>>()
                                               : kernel_of<Int8<kAny, Dot::kPlain>>();
  return dtype == PanelMatrix::Dtype::kInt8 ? int8 : float32;
}

// The shape of panels.
std::array<int64_t, 3> panels_of(const PanelMatrix::Shape& shape, PanelMatrix::Dtype dtype) {
  const int64_t width = kernel(dtype).columns, step = dtype == PanelMatrix::Dtype::kInt8 ? kStep<int8_t> : kStep<float>;
  return {shape.heads * parts(shape.matrices * shape.out, width), parts(shape.in, step) * step, width};
}

at::ScalarType type_of(PanelMatrix::Dtype dtype) { return dtype == PanelMatrix::Dtype::kInt8 ? at::kChar : at::kFloat; }

// Calls body(p) for panels of a matrix, several at a time where they are small.
template <class Body>
void for_panels(int64_t panels, int64_t numbers, const Body& body) {
  at::parallel_for(0, panels, std::max<int64_t>(1, (1 << 16) / numbers), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) body(p);
  });
}

}  // namespace

PanelMatrix::PanelMatrix(const Shape& shape, Dtype dtype)
    : PanelMatrix(shape, dtype, huge_page_tensor(panels_of(shape, dtype), type_of(dtype))) {}

PanelMatrix::PanelMatrix(const Tensor& columns, Dtype dtype)
    : PanelMatrix({columns.size(0), columns.size(1)}, dtype,
                  at::empty(panels_of({columns.size(0), columns.size(1)}, dtype), type_of(dtype))) {
  pack(columns, 0);
}

PanelMatrix::PanelMatrix(const Shape& shape, Dtype dtype, Tensor panels)
    : shape_(shape), dtype_(dtype), panels_(std::move(panels)) {
  if (dtype == Dtype::kFloat32) return;
  scales_ = at::zeros({panels_.size(0) * panels_.size(2)}, at::kFloat);
  zero_point_sums_ = at::zeros_like(scales_, at::kInt);
}

void PanelMatrix::pack(const Tensor& columns, int64_t first, int64_t matrix) {
  const auto& [in, out, matrices, heads] = shape_;
  const Part part{panels_.size(0) / heads * (matrix / matrices) + first * matrices / panels_.size(2),
                  panels_.size(2) / matrices * (matrix % matrices), panels_.size(2) / matrices};
  dtype_ == Dtype::kInt8 ? pack_int8(columns, part) : pack_float32(columns, part);
}

void PanelMatrix::pack_float32(const Tensor& columns, const Part& part) {
  Tensor from = columns.to(at::kFloat);
  if (from.stride(0) != 1 && from.stride(1) != 1) from = from.contiguous();
  const int64_t width = panels_.size(2), depth = panels_.size(1), count = from.size(1), row = from.stride(0),
                column = from.stride(1);
  for_panels(parts(count, part.columns), depth * part.columns, [&](int64_t p) {
    const int64_t n = std::min(part.columns, count - p * part.columns);
    const float* some = from.data_ptr<float>() + p * part.columns * column;
    float* to = panels_.data_ptr<float>() + (part.panel + p) * depth * width + part.begin;
    for (int64_t k = 0; k < depth; ++k, some += row, to += width) {
      const int64_t known = k < shape_.in ? n : 0;
      for (int64_t c = 0; c < known; ++c) to[c] = some[c * column];
      std::fill(to + known, to + part.columns, 0.0f);
    }
  });
}

void PanelMatrix::pack_int8(const Tensor& columns, const Part& part) {
  const Tensor from = columns.t().to(at::kFloat).contiguous();
  const int64_t width = panels_.size(2), depth = panels_.size(1), count = from.size(0);
  const auto qmax = static_cast<float>(kernel(dtype_).qmax);
  for_panels(parts(count, part.columns), depth * part.columns, [&](int64_t p) {
    constexpr int64_t kFour = kTogether<int8_t>;
    std::vector<int8_t> column(static_cast<size_t>(depth));
    const int64_t place = (part.panel + p) * width + part.begin;  // of the first column, in panels
    int8_t* to = panels_.data_ptr<int8_t>() + (part.panel + p) * depth * width + part.begin * kFour;
    for (int64_t c = 0; c < part.columns; ++c) {
      const bool known = p * part.columns + c < count;
      std::fill(column.begin(), column.end(), int8_t{0});
      if (known) {
        const float* x = from.data_ptr<float>() + (p * part.columns + c) * shape_.in;
        const float scale = largest_magnitude(x, shape_.in) / qmax;
        quantize(x, shape_.in, scale, 0, reinterpret_cast<uint8_t*>(column.data()));
        scales_.data_ptr<float>()[place + c] = scale;
        zero_point_sums_.data_ptr<int32_t>()[place + c] =
            kRowZeroPoint * std::accumulate(column.begin(), column.end(), 0);
      }
      for (int64_t k = 0; k < depth; k += kFour) std::copy_n(&column[k], kFour, to + k * width + c * kFour);
    }
  });
}

int64_t PanelMatrix::rows_at_once() { return kernel(Dtype::kFloat32).rows; }

Tensor PanelMatrix::multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue) const {
  auto shape = x.sizes().vec();
  shape.back() = shape_.out;
  Tensor y = at::empty(shape, at::kFloat);
  multiply(x, bias, epilogue, y);
  return y;
}

void PanelMatrix::multiply(const Tensor& x, const Tensor& bias, const Epilogue& epilogue, const Tensor& y) const {
  const auto& [in, out, matrices, heads] = shape_;
  const bool flat = x.dim() == 2 && heads == 1;
  check((flat || x.dim() == 3) && x.size(-1) == in && x.numel() == x.size(0) * heads * in, "[PanelMatrix] rows of ",
        heads, " times ", in, " numbers expected, found ", x.sizes());
  check(y.dim() == x.dim() && y.size(0) == x.size(0) && y.size(-1) == out && (flat || y.size(1) == heads) &&
            y.stride(-1) == 1,
        "[PanelMatrix] no room for ", x.size(0), " rows of ", heads, " times ", out, " numbers in ", y.sizes());
  const bool int8 = dtype_ == Dtype::kInt8, fits = x.stride(-1) == 1 || (x.stride(0) == 1 && !int8);
  const Tensor rows = fits ? x : x.contiguous(),
               residual = epilogue.residual.defined() ? epilogue.residual.contiguous() : Tensor();
  check(matrices == 1 || epilogue.kind == Epilogue::kSilu || epilogue.kind == Epilogue::kGelu,
        "[PanelMatrix] a gate needs an activation");
  check(epilogue.kind != Epilogue::kTanh, "[PanelMatrix] tanh is not fused");
  if (y.numel() == 0) return;
  const Gemm gemm{{rows.data_ptr<float>(), rows.stride(0), rows.stride(-1), x.size(0), in},
                  {panels_.data_ptr(), out, panels_.size(1), matrices, int8 ? scales_.data_ptr<float>() : nullptr,
                   int8 ? zero_point_sums_.data_ptr<int32_t>() : nullptr},
                  bias.defined() ? bias.data_ptr<float>() : nullptr,
                  residual.defined() ? residual.data_ptr<float>() : nullptr,
                  y.data_ptr<float>(),
                  y.stride(0),
                  heads * out,
                  epilogue.kind,
                  panels_.size(2) / matrices,
                  panels_.size(0) / heads,
                  rows.stride(-2),
                  y.stride(-2)};
  constexpr int64_t kWorthSharing = 1 << 20;  // multiply-adds
  const bool worth = x.numel() * out * matrices >= kWorthSharing;
  const Kernel& k = kernel(dtype_);
  Work work(heads, parts(x.size(0), k.rows), parts(panels_.size(1), kRun) * k.run_bytes, gemm.panels,
            worth && !at::in_parallel_region() ? at::get_num_threads() : 1);
  at::parallel_for(0, work.threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) k.multiply(gemm, work, i);
  });
}

}  // namespace fourm
