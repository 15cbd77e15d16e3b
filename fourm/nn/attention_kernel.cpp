#include "fourm/nn/attention_kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "fourm/core/simd.h"

namespace fourm {
namespace {

constexpr int64_t kRows = 4, kCols = 16;  // the register tile of the product

int64_t padded(int64_t n) { return (n + kCols - 1) / kCols * kCols; }

// c[m, n] (+)= a[m, k] * b[k, n]; a(i, p) = a[i * a_row + p * a_col]; b and c are row-major.
template <class T, bool kAdd>
FOURM_INLINE void multiply(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                           int64_t ldb, T* c, int64_t ldc) {
  for (int64_t j = 0; j < n; j += kCols) {
    const int64_t cols = std::min(kCols, n - j);
    for (int64_t i = 0; i < m; i += kRows) {
      const int64_t rows = std::min(kRows, m - i);
      T sum[kRows][kCols] = {};
      if (rows == kRows && cols == kCols) {
        for (int64_t p = 0; p < k; ++p) {
          const T* bp = b + p * ldb + j;
          for (int64_t r = 0; r < kRows; ++r) {
            const T x = a[(i + r) * a_row + p * a_col];
            for (int64_t s = 0; s < kCols; ++s) sum[r][s] += x * bp[s];
          }
        }
      } else {
        for (int64_t p = 0; p < k; ++p)
          for (int64_t r = 0; r < rows; ++r) {
            const T x = a[(i + r) * a_row + p * a_col];
            for (int64_t s = 0; s < cols; ++s) sum[r][s] += x * b[p * ldb + j + s];
          }
      }
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t s = 0; s < cols; ++s) {
          T& target = c[(i + r) * ldc + j + s];
          target = kAdd ? target + sum[r][s] : sum[r][s];
        }
    }
  }
}

// e^x for x <= 0: Cody-Waite reduction and a degree-6 polynomial, relative error below 2e-7; vectorises.
FOURM_INLINE float exponential(float x) {
  x = std::max(x, -87.0f);
  const float shifted = x * 1.44269504f + 12582912.0f;  // rounds to an integer in the low mantissa bits
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  const float p =
      1.0f + r * (1.0f + r * (0.5f + r * (1.66666657e-1f + r * (4.16667977e-2f + r * (8.33334774e-3f + r * 1.39304362e-3f)))));
  const int32_t exponent = std::bit_cast<int32_t>(shifted) << 23;
  return std::bit_cast<float>(std::bit_cast<int32_t>(p) + exponent);
}
FOURM_INLINE double exponential(double x) { return std::exp(x); }

template <class T>
FOURM_INLINE T largest(const T* x, int64_t n) {
  T lane[kCols];
  std::fill(lane, lane + kCols, -std::numeric_limits<T>::infinity());
  int64_t j = 0;
  for (; j + kCols <= n; j += kCols)
    for (int64_t s = 0; s < kCols; ++s) lane[s] = lane[s] > x[j + s] ? lane[s] : x[j + s];
  for (; j < n; ++j) lane[0] = std::max(lane[0], x[j]);
  return *std::max_element(lane, lane + kCols);
}

// x <- exp(x * scale - shift) on n entries, 0 on the rest up to `end`; returns the sum.
template <class T>
FOURM_INLINE T exponentiate(T* x, int64_t n, int64_t end, T scale, T shift) {
  T lane[kCols] = {};
  int64_t j = 0;
  for (; j + kCols <= n; j += kCols)
    for (int64_t s = 0; s < kCols; ++s) {
      const T e = exponential(x[j + s] * scale - shift);
      x[j + s] = e;
      lane[s] += e;
    }
  for (; j < n; ++j) lane[0] += x[j] = exponential(x[j] * scale - shift);
  std::fill(x + n, x + std::max(n, end), T{0});
  T sum = 0;
  for (const T l : lane) sum += l;
  return sum;
}

template <class T>
FOURM_INLINE void transpose(HeadRows<const T> rows, int64_t n, int64_t width, T* out, int64_t ld) {
  for (int64_t i = 0; i < n; ++i) {
    const T* row = rows.row(i);
    for (int64_t d = 0; d < width; ++d) out[d * ld + i] = row[d];
  }
}

constexpr int64_t kBlock = 32;  // queries at a time: their scores stay in the first-level cache

template <class T>
FOURM_INLINE void forward_body(const HeadShape& s, T scale, HeadRows<const T> q, HeadRows<const T> k,
                               HeadRows<const T> v, HeadRows<T> out, T* lse, int64_t lse_stride,
                               std::vector<T>& scratch) {
  const int64_t ld = padded(s.keys);
  scratch.resize(std::max<size_t>(scratch.size(), (s.width + kBlock) * ld));
  T* keys_t = scratch.data();        // [width, keys]
  T* p = keys_t + s.width * ld;      // [block, keys]
  transpose(k, s.keys, s.width, keys_t, ld);
  for (int64_t i0 = 0; i0 < s.queries; i0 += kBlock) {
    const int64_t rows = std::min(kBlock, s.queries - i0);
    multiply<T, false>(rows, s.keys, s.width, q.row(i0), q.stride, 1, keys_t, ld, p, ld);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t seen = s.visible ? s.visible[i0 + r] : s.keys;
      T* row = p + r * ld;
      const T shift = seen ? largest(row, seen) * scale : T{0};
      const T sum = exponentiate(row, seen, s.keys, scale, shift);
      const T inverse = seen ? 1 / sum : T{0};
      for (int64_t j = 0; j < s.keys; ++j) row[j] *= inverse;
      lse[(i0 + r) * lse_stride] = seen ? shift + std::log(sum) : T{0};
    }
    multiply<T, false>(rows, s.width, s.keys, p, ld, 1, v.data, v.stride, out.row(i0), out.stride);
  }
}

template <class T>
FOURM_INLINE void backward_body(const HeadShape& s, T scale, HeadRows<const T> q, HeadRows<const T> k,
                                HeadRows<const T> v, HeadRows<const T> out, HeadRows<const T> grad_out, const T* lse,
                                int64_t lse_stride, HeadRows<T> grad_q, HeadRows<T> grad_k, HeadRows<T> grad_v,
                                std::vector<T>& scratch) {
  const int64_t ld = padded(s.keys);
  scratch.resize(std::max<size_t>(scratch.size(), 2 * (s.width + kBlock) * ld));
  T* keys_t = scratch.data();
  T* values_t = keys_t + s.width * ld;
  T* p = values_t + s.width * ld;
  T* dp = p + kBlock * ld;
  transpose(k, s.keys, s.width, keys_t, ld);
  transpose(v, s.keys, s.width, values_t, ld);
  for (int64_t j = 0; j < s.keys; ++j) {
    std::fill_n(grad_k.row(j), s.width, T{0});
    std::fill_n(grad_v.row(j), s.width, T{0});
  }
  for (int64_t i0 = 0; i0 < s.queries; i0 += kBlock) {
    const int64_t rows = std::min(kBlock, s.queries - i0);
    multiply<T, false>(rows, s.keys, s.width, q.row(i0), q.stride, 1, keys_t, ld, p, ld);
    multiply<T, false>(rows, s.keys, s.width, grad_out.row(i0), grad_out.stride, 1, values_t, ld, dp, ld);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t i = i0 + r, seen = s.visible ? s.visible[i] : s.keys;
      exponentiate(p + r * ld, seen, s.keys, scale, lse[i * lse_stride]);
    }
    multiply<T, true>(s.keys, s.width, rows, p, 1, ld, grad_out.row(i0), grad_out.stride, grad_v.data, grad_v.stride);
    for (int64_t r = 0; r < rows; ++r) {
      const T *o = out.row(i0 + r), *g = grad_out.row(i0 + r);
      T delta = 0;  // sum_j p_j dp_j = out . grad_out
      for (int64_t d = 0; d < s.width; ++d) delta += o[d] * g[d];
      T *pr = p + r * ld, *dr = dp + r * ld;
      for (int64_t j = 0; j < s.keys; ++j) dr[j] = pr[j] * (dr[j] - delta) * scale;
    }
    multiply<T, false>(rows, s.width, s.keys, dp, ld, 1, k.data, k.stride, grad_q.row(i0), grad_q.stride);
    multiply<T, true>(s.keys, s.width, rows, dp, 1, ld, q.row(i0), q.stride, grad_k.data, grad_k.stride);
  }
}

template <class... Args>
FOURM_AVX2 void forward_avx2(Args&&... args) {
  forward_body(args...);
}
template <class... Args>
FOURM_AVX2 void backward_avx2(Args&&... args) {
  backward_body(args...);
}

}  // namespace

template <class T>
void attention_forward(const HeadShape& shape, T scale, HeadRows<const T> q, HeadRows<const T> k, HeadRows<const T> v,
                       HeadRows<T> out, T* lse, int64_t lse_stride, std::vector<T>& scratch) {
  if (has_avx2())
    forward_avx2(shape, scale, q, k, v, out, lse, lse_stride, scratch);
  else
    forward_body(shape, scale, q, k, v, out, lse, lse_stride, scratch);
}

template <class T>
void attention_backward(const HeadShape& shape, T scale, HeadRows<const T> q, HeadRows<const T> k, HeadRows<const T> v,
                        HeadRows<const T> out, HeadRows<const T> grad_out, const T* lse, int64_t lse_stride,
                        HeadRows<T> grad_q, HeadRows<T> grad_k, HeadRows<T> grad_v, std::vector<T>& scratch) {
  if (has_avx2())
    backward_avx2(shape, scale, q, k, v, out, grad_out, lse, lse_stride, grad_q, grad_k, grad_v, scratch);
  else
    backward_body(shape, scale, q, k, v, out, grad_out, lse, lse_stride, grad_q, grad_k, grad_v, scratch);
}

#define FOURM_INSTANTIATE(T)                                                                                         \
  template void attention_forward(const HeadShape&, T, HeadRows<const T>, HeadRows<const T>, HeadRows<const T>,      \
                                  HeadRows<T>, T*, int64_t, std::vector<T>&);                                        \
  template void attention_backward(const HeadShape&, T, HeadRows<const T>, HeadRows<const T>, HeadRows<const T>,     \
                                   HeadRows<const T>, HeadRows<const T>, const T*, int64_t, HeadRows<T>, HeadRows<T>, \
                                   HeadRows<T>, std::vector<T>&);
FOURM_INSTANTIATE(float)
FOURM_INSTANTIATE(double)

}  // namespace fourm
