#include "fourm/kernels/cpu/winograd.h"

#include <ATen/Parallel.h>

#include <array>
#include <atomic>

#include "fourm/core/error.h"
#include "fourm/kernels/cpu/vector.h"
#include "fourm/kernels/operation_count.h"

namespace fourm {
namespace {

constexpr int64_t kOut = 2, kIn = 4;  // sides of a tile's output and input
constexpr int64_t kOutputs = kOut * kOut, kPositions = kIn * kIn;
constexpr int64_t kApart = 16;  // numbers between a tile's rows, which would else share the same few lines of the cache

// Images [B, H, W] cut into tiles of 2 x 2 outputs.
struct Tiling {
  int64_t images, height, width;
  int64_t rows = (height + 1) / kOut, columns = (width + 1) / kOut;

  int64_t count() const { return images * rows * columns; }
  // The index of a pixel, counted from the tile's first output; -1 outside of the image.
  int64_t pixel(int64_t tile, int64_t dy, int64_t dx) const {
    const int64_t y = tile / columns % rows * kOut + dy, x = tile % columns * kOut + dx;
    const bool inside = y >= 0 && x >= 0 && y < height && x < width;
    return inside ? (tile / (rows * columns) * height + y) * width + x : -1;
  }
};

// Tiles by strips: as many as stay in the cache transformed, ending at a whole tile of rows.
struct Strips {
  static constexpr int64_t kBytes = 1 << 20, kLeast = 24;
  int64_t tiles, count;

  Strips(int64_t all, int64_t tile_bytes)
      : tiles(all), count(std::max<int64_t>(1, tiles / std::max(kLeast, kBytes / tile_bytes))) {}
  int64_t begin(int64_t strip) const {
    const int64_t at = tiles * strip / count;
    return strip == count ? tiles : at - at % PanelMatrix::rows_at_once();
  }
  int64_t most() const { return tiles / count + PanelMatrix::rows_at_once(); }
};

using Inputs = std::array<const float*, kPositions>;
struct Outputs {
  Inputs sums;
  const float* bias;
  std::array<const float*, kOutputs> residual;
  std::array<float*, kOutputs> y;
};

// B^T (a, b, c, d)
template <class V>
FOURM_INLINE void spread(V& a, V& b, V& c, V& d) {
  const V first = a - c, second = b + c, third = c - b;
  d = b - d, a = first, b = second, c = third;
}

// to <- B^T d B of one tile, rows `stride` apart
struct TransformInput {
  template <class S>
  FOURM_INLINE static void run(const Inputs& d, int64_t channels, float* to, int64_t stride) {
    using V = typename S::Vector;
    for (int64_t c = 0; c < channels; c += S::kLanes) {
      const int64_t n = std::min(S::kLanes, channels - c);
      V v[kIn][kIn];
#pragma GCC unroll 4
      for (int64_t j = 0; j < kIn; ++j) {
#pragma GCC unroll 4
        for (int64_t i = 0; i < kIn; ++i) load<S>(v[i][j], d[i * kIn + j] + c, n);
        spread(v[0][j], v[1][j], v[2][j], v[3][j]);
      }
#pragma GCC unroll 4
      for (int64_t i = 0; i < kIn; ++i) {
        spread(v[i][0], v[i][1], v[i][2], v[i][3]);
#pragma GCC unroll 4
        for (int64_t j = 0; j < kIn; ++j) store<S>(v[i][j], to + (i * kIn + j) * stride + c, n);
      }
    }
  }
};

// y <- A^T m A + bias + residual of one tile
struct TransformOutput {
  template <class S>
  FOURM_INLINE static void run(const Outputs& o, int64_t channels) {
    using V = typename S::Vector;
    for (int64_t c = 0; c < channels; c += S::kLanes) {
      const int64_t n = std::min(S::kLanes, channels - c);
      V v[kOut][kIn], m[kIn], bias, other;
#pragma GCC unroll 4
      for (int64_t j = 0; j < kIn; ++j) {
#pragma GCC unroll 4
        for (int64_t i = 0; i < kIn; ++i) load<S>(m[i], o.sums[i * kIn + j] + c, n);
        v[0][j] = m[0] + m[1] + m[2];
        v[1][j] = m[1] - m[2] - m[3];
      }
      load<S>(bias, o.bias + c, n);
#pragma GCC unroll 2
      for (int64_t i = 0; i < kOut; ++i) {
        const V y[kOut] = {v[i][0] + v[i][1] + v[i][2], v[i][1] - v[i][2] - v[i][3]};
#pragma GCC unroll 2
        for (int64_t j = 0; j < kOut; ++j) {
          load<S>(other, o.residual[i * kOut + j] + c, n);
          store<S>(y[j] + bias + other, o.y[i * kOut + j] + c, n);
        }
      }
    }
  }
};

// The arguments of a call, channels last.
struct Convolution {
  Tiling tiling;
  int64_t in, out;
  const float *x, *bias, *residual;  // no residual: null
  float* y;

  // spread [tiles, 16, in] <- of `count` tiles from the first on
  void transform_inputs(int64_t first, int64_t count, const Tensor& spread) const {
    const std::vector<float> outside(static_cast<size_t>(in));
    Inputs d;
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t i = 0; i < kPositions; ++i) {
        const int64_t pixel = tiling.pixel(first + t, i / kIn - 1, i % kIn - 1);
        d[i] = pixel < 0 ? outside.data() : x + pixel * in;
      }
      run_widest<TransformInput>(d, in, spread.data_ptr<float>() + t * spread.stride(0), spread.stride(1));
    }
  }

  // y <- from the sums [tiles, 16, out] of those tiles
  void transform_outputs(int64_t first, int64_t count, const Tensor& sums) const {
    const std::vector<float> zeros(static_cast<size_t>(out));
    std::vector<float> outside(static_cast<size_t>(out));
    Outputs o{{}, bias, {}, {}};
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t i = 0; i < kPositions; ++i)
        o.sums[i] = sums.const_data_ptr<float>() + t * sums.stride(0) + i * sums.stride(1);
      for (int64_t i = 0; i < kOutputs; ++i) {
        const int64_t pixel = tiling.pixel(first + t, i / kOut, i % kOut);
        o.y[i] = pixel < 0 ? outside.data() : y + pixel * out;
        o.residual[i] = pixel < 0 || !residual ? zeros.data() : residual + pixel * out;
      }
      run_widest<TransformOutput>(o, out);
    }
  }
};

// G (a, b, c)
std::array<float, kIn> widen(float a, float b, float c) { return {a, (a + b + c) * 0.5f, (a - b + c) * 0.5f, c}; }

// kernels [out, in, 3, 3] -> [16, out, in]: G g G^T of each
Tensor transform_weight(const Tensor& weight) {
  const Tensor from = weight.to(at::kFloat).contiguous();
  const int64_t kernels = from.size(0) * from.size(1);
  Tensor to = at::empty({kPositions, from.size(0), from.size(1)});
  at::parallel_for(0, kernels, 1 << 12, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const float* g = from.const_data_ptr<float>() + 9 * k;
      std::array<std::array<float, kIn>, 3> columns;
      for (size_t j = 0; j < 3; ++j) columns[j] = widen(g[j], g[3 + j], g[6 + j]);
      for (size_t i = 0; i < kIn; ++i) {
        const auto row = widen(columns[0][i], columns[1][i], columns[2][i]);
        for (size_t j = 0; j < kIn; ++j) to.data_ptr<float>()[(i * kIn + j) * kernels + k] = row[j];
      }
    }
  });
  return to;
}

}  // namespace

WinogradConv2d::WinogradConv2d(const Tensor& weight)
    : in_(weight.size(1)), out_(weight.size(0)), filters_({.in = in_, .out = out_, .heads = kPositions}) {
  check(weight.size(2) == 3 && weight.size(3) == 3, "[WinogradConv2d] kernels of 3 x 3 expected, found ",
        weight.sizes());
  const Tensor rows = transform_weight(weight);
  for (int64_t i = 0; i < kPositions; ++i) filters_.pack(rows[i].t(), 0, i);
}

Tensor WinogradConv2d::operator()(const Tensor& x, const Tensor& bias, const Tensor& residual) const {
  check(x.dim() == 4 && x.size(1) == in_, "[WinogradConv2d] images of ", in_, " channels expected, found ", x.sizes());
  constexpr auto kLast = at::MemoryFormat::ChannelsLast;
  const Tensor in = x.contiguous(kLast), other = residual.defined() ? residual.contiguous(kLast) : Tensor();
  Tensor y = at::empty({x.size(0), out_, x.size(2), x.size(3)}, in.options().memory_format(kLast));
  const Convolution all{{x.size(0), x.size(2), x.size(3)},
                        in_,
                        out_,
                        in.const_data_ptr<float>(),
                        bias.const_data_ptr<float>(),
                        other.defined() ? other.const_data_ptr<float>() : nullptr,
                        y.data_ptr<float>()};
  const Strips strips(all.tiling.count(), 4 * kPositions * (in_ + kApart + out_));
  count_operations("fourm::winograd", 2.0 * static_cast<double>(kPositions * strips.tiles * in_ * out_));
  // Threads claim one strip after the other, so that one which the machine holds up does not hold up the rest.
  std::atomic<int64_t> claimed = 0;
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), strips.count), 1, [&](int64_t, int64_t) {
    const NoGradGuard no_grad;  // of this thread
    const Tensor spread = at::empty({strips.most(), kPositions, in_ + kApart}).slice(2, 0, in_),
                 sums = at::empty({strips.most(), kPositions, out_ + kApart}).slice(2, 0, out_);
    for (int64_t strip; (strip = claimed++) < strips.count;) {
      const int64_t first = strips.begin(strip), count = strips.begin(strip + 1) - first;
      all.transform_inputs(first, count, spread);
      filters_.multiply(spread.slice(0, 0, count), {}, {}, sums.slice(0, 0, count));
      all.transform_outputs(first, count, sums);
    }
  });
  return y;
}

}  // namespace fourm
