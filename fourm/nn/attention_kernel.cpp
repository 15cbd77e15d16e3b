#include "fourm/nn/attention_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "fourm/core/simd.h"

namespace fourm {
namespace {

// The register tile of the products: kRows x kCols sums in vector registers of 32 bytes.
template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(32)));
};
template <class T>
using Vector = typename VectorOf<T>::type;
constexpr int64_t kRows = 4;
template <class T>
constexpr int64_t kLanes = 32 / sizeof(T);
template <class T>
constexpr int64_t kCols = 2 * kLanes<T>;

template <class T>
int64_t padded(int64_t n) {
  return (n + kCols<T> - 1) / kCols<T> * kCols<T>;
}

// kTile rows by kCols columns of c (+)= a b.
template <class T, bool kAdd, int64_t kTile>
FOURM_INLINE void multiply_tile(int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b, int64_t ldb, T* c,
                                int64_t ldc) {
  Vector<T> sum[kTile][2] = {};
  for (int64_t p = 0; p < k; ++p) {
    Vector<T> b0, b1;
    std::memcpy(&b0, b + p * ldb, sizeof b0);
    std::memcpy(&b1, b + p * ldb + kLanes<T>, sizeof b1);
    for (int64_t r = 0; r < kTile; ++r) {
      const T x = a[r * a_row + p * a_col];
      sum[r][0] += x * b0;
      sum[r][1] += x * b1;
    }
  }
  for (int64_t r = 0; r < kTile; ++r)
    for (int64_t s = 0; s < 2; ++s) {
      T* to = c + r * ldc + s * kLanes<T>;
      Vector<T> value = sum[r][s];
      if constexpr (kAdd) {
        Vector<T> before;
        std::memcpy(&before, to, sizeof before);
        value += before;
      }
      std::memcpy(to, &value, sizeof value);
    }
}

// c[m, n] (+)= a[m, k] * b[k, n]; a(i, p) = a[i * a_row + p * a_col]; b and c are row-major.
template <class T, bool kAdd>
FOURM_INLINE void multiply(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                           int64_t ldb, T* c, int64_t ldc) {
  int64_t j = 0;
  for (; j + kCols<T> <= n; j += kCols<T>) {
    int64_t i = 0;
    for (; i + kRows <= m; i += kRows)
      multiply_tile<T, kAdd, kRows>(k, a + i * a_row, a_row, a_col, b + j, ldb, c + i * ldc + j, ldc);
    for (; i < m; ++i) multiply_tile<T, kAdd, 1>(k, a + i * a_row, a_row, a_col, b + j, ldb, c + i * ldc + j, ldc);
  }
  for (; j < n; ++j)  // head widths that are no multiple of the tile
    for (int64_t i = 0; i < m; ++i) {
      T sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += a[i * a_row + p * a_col] * b[p * ldb + j];
      T& to = c[i * ldc + j];
      to = kAdd ? to + sum : sum;
    }
}

// x <- e^x for x <= 0: Cody-Waite reduction and a degree-6 polynomial, relative error below 2e-7.
FOURM_INLINE void exponential(Vector<float>& x) {
  typedef int32_t Bits __attribute__((vector_size(32)));
  x = x < -87.0f ? x - x - 87.0f : x;
  const Vector<float> shifted = x * 1.44269504f + 12582912.0f;  // rounds to an integer in the low mantissa bits
  const Vector<float> n = shifted - 12582912.0f;
  const Vector<float> r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vector<float> p = r * 1.39304362e-3f + 8.33334774e-3f;
  p = p * r + 4.16667977e-2f;
  p = p * r + 1.66666657e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  x = reinterpret_cast<Vector<float>>(reinterpret_cast<Bits>(p) + (reinterpret_cast<Bits>(shifted) << 23));
}
FOURM_INLINE void exponential(Vector<double>& x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = std::exp(x[i]);
}

template <class T>
FOURM_INLINE T largest(const T* x, int64_t n) {
  constexpr int64_t kWide = kCols<T>;
  T lane[kWide];
  std::fill(lane, lane + kWide, -std::numeric_limits<T>::infinity());
  int64_t j = 0;
  for (; j + kWide <= n; j += kWide)
    for (int64_t s = 0; s < kWide; ++s) lane[s] = lane[s] > x[j + s] ? lane[s] : x[j + s];
  for (; j < n; ++j) lane[0] = std::max(lane[0], x[j]);
  return *std::max_element(lane, lane + kWide);
}

// x <- exp(x * scale - shift) on n entries, 0 on the rest up to `end` (a multiple of the lanes); returns the sum.
template <class T>
FOURM_INLINE T exponentiate(T* x, int64_t n, int64_t end, T scale, T shift) {
  Vector<T> sums = {};
  const int64_t whole = n / kLanes<T> * kLanes<T>;
  for (int64_t j = 0; j < end; j += kLanes<T>) {
    Vector<T> v = {};
    if (j < n) {
      std::memcpy(&v, x + j, sizeof v);
      v = v * scale - shift;
      exponential(v);
      if (j >= whole)
        for (int64_t s = 0; s < kLanes<T>; ++s)
          if (j + s >= n) v[s] = 0;
      sums += v;
    }
    std::memcpy(x + j, &v, sizeof v);
  }
  T sum = 0;
  for (int64_t s = 0; s < kLanes<T>; ++s) sum += sums[s];
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
  const int64_t ld = padded<T>(s.keys);
  scratch.resize(std::max<size_t>(scratch.size(), (s.width + kBlock) * ld));
  T* keys_t = scratch.data();        // [width, keys]
  T* p = keys_t + s.width * ld;      // [block, keys]
  transpose(k, s.keys, s.width, keys_t, ld);
  for (int64_t i0 = 0; i0 < s.queries; i0 += kBlock) {
    const int64_t rows = std::min(kBlock, s.queries - i0);
    multiply<T, false>(rows, ld, s.width, q.row(i0), q.stride, 1, keys_t, ld, p, ld);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t seen = s.visible ? s.visible[i0 + r] : s.keys;
      T* row = p + r * ld;
      const T shift = seen ? largest(row, seen) * scale : T{0};
      const T sum = exponentiate(row, seen, ld, scale, shift);
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
  const int64_t ld = padded<T>(s.keys);
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
    multiply<T, false>(rows, ld, s.width, q.row(i0), q.stride, 1, keys_t, ld, p, ld);
    multiply<T, false>(rows, ld, s.width, grad_out.row(i0), grad_out.stride, 1, values_t, ld, dp, ld);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t i = i0 + r, seen = s.visible ? s.visible[i] : s.keys;
      exponentiate(p + r * ld, seen, ld, scale, lse[i * lse_stride]);
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
