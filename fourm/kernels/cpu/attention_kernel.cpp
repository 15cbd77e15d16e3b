#include "fourm/kernels/cpu/attention_kernel.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fourm/kernels/cpu/vector.h"

namespace fourm {
namespace {

// kTile rows by kWide vectors of c (+)= a b.
template <class S, bool kAdd, int64_t kTile, int64_t kWide, class T>
FOURM_INLINE void multiply_tile(int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b, int64_t ldb, T* c,
                                int64_t ldc) {
  typename S::Vector sum[kTile][kWide] = {}, first, last;
  for (int64_t p = 0; p < k; ++p) {
    load<S>(first, b + p * ldb);
    if constexpr (kWide == 2) load<S>(last, b + p * ldb + S::kLanes);
#pragma GCC unroll 14
    for (int64_t r = 0; r < kTile; ++r) {
      const T x = a[r * a_row + p * a_col];
      sum[r][0] += x * first;
      if constexpr (kWide == 2) sum[r][1] += x * last;
    }
  }
#pragma GCC unroll 14
  for (int64_t r = 0; r < kTile; ++r)
    for (int64_t s = 0; s < kWide; ++s) {
      T* to = c + r * ldc + s * S::kLanes;
      typename S::Vector value = sum[r][s];
      if constexpr (kAdd) {
        load<S>(first, to);
        value += first;
      }
      store<S>(value, to);
    }
}

template <class S, bool kAdd, int64_t kWide, class T>
FOURM_INLINE void multiply_columns(int64_t m, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                                   int64_t ldb, T* c, int64_t ldc) {
  int64_t i = 0;
  for (; i + S::kRows <= m; i += S::kRows)
    multiply_tile<S, kAdd, S::kRows, kWide>(k, a + i * a_row, a_row, a_col, b, ldb, c + i * ldc, ldc);
  for (; i + 4 <= m; i += 4) multiply_tile<S, kAdd, 4, kWide>(k, a + i * a_row, a_row, a_col, b, ldb, c + i * ldc, ldc);
  for (; i + 2 <= m; i += 2) multiply_tile<S, kAdd, 2, kWide>(k, a + i * a_row, a_row, a_col, b, ldb, c + i * ldc, ldc);
  for (; i < m; ++i) multiply_tile<S, kAdd, 1, kWide>(k, a + i * a_row, a_row, a_col, b, ldb, c + i * ldc, ldc);
}

// c[m, n] (+)= a[m, k] * b[k, n]; a(i, p) = a[i * a_row + p * a_col]; b and c are row-major.
template <class S, bool kAdd, class T>
FOURM_INLINE void multiply(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                           int64_t ldb, T* c, int64_t ldc) {
  int64_t j = 0;
  for (; j + S::kCols <= n; j += S::kCols) multiply_columns<S, kAdd, 2>(m, k, a, a_row, a_col, b + j, ldb, c + j, ldc);
  for (; j + S::kLanes <= n; j += S::kLanes)
    multiply_columns<S, kAdd, 1>(m, k, a, a_row, a_col, b + j, ldb, c + j, ldc);
  for (; j < n; ++j)  // head widths that are no multiple of the lanes
    for (int64_t i = 0; i < m; ++i) {
      T sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += a[i * a_row + p * a_col] * b[p * ldb + j];
      T& to = c[i * ldc + j];
      to = kAdd ? to + sum : sum;
    }
}

template <class S, class T>
FOURM_INLINE T largest(const T* x, int64_t n) {
  T lane[S::kCols];
  std::fill(lane, lane + S::kCols, -std::numeric_limits<T>::infinity());
  int64_t j = 0;
  for (; j + S::kCols <= n; j += S::kCols)
    for (int64_t s = 0; s < S::kCols; ++s) lane[s] = lane[s] > x[j + s] ? lane[s] : x[j + s];
  for (; j < n; ++j) lane[0] = std::max(lane[0], x[j]);
  return *std::max_element(lane, lane + S::kCols);
}

// x <- exp(x * scale - shift) on n entries, 0 on the rest up to `end` (a multiple of the lanes); returns the sum.
template <class S, class T>
FOURM_INLINE T exponentiate(T* x, int64_t n, int64_t end, T scale, T shift) {
  using Vector = typename S::Vector;
  Vector sums = {};
  const int64_t whole = n / S::kLanes * S::kLanes;
  for (int64_t j = 0; j < end; j += S::kLanes) {
    Vector v = {};
    if (j < n) {
      load<S>(v, x + j);
      v = v * scale - shift;
      exponential<S>(v, T{});
      if (j >= whole)
        for (int64_t s = 0; s < S::kLanes; ++s)
          if (j + s >= n) v[s] = 0;
      sums += v;
    }
    store<S>(v, x + j);
  }
  T sum = 0;
  for (int64_t s = 0; s < S::kLanes; ++s) sum += sums[s];
  return sum;
}

// out[width, ld] <- rows, a few rows at a time so that both sides stay in few cache lines.
template <class S, class T>
FOURM_INLINE void transpose(HeadRows<const T> rows, int64_t n, int64_t width, T* out, int64_t ld) {
  constexpr int64_t kStrip = 16;
  int64_t i = 0;
  for (; i + kStrip <= n; i += kStrip)
    for (int64_t d = 0; d < width; ++d) {
      T* to = out + d * ld + i;
      for (int64_t r = 0; r < kStrip; ++r) to[r] = rows.row(i + r)[d];
    }
  for (; i < n; ++i)
    for (int64_t d = 0; d < width; ++d) out[d * ld + i] = rows.row(i)[d];
}

// A copy whose rows follow each other. Rows that are multiples of 4 KiB apart share a few cache sets and evict one another.
template <class T>
HeadRows<const T> compact(HeadRows<const T> rows, int64_t n, int64_t width, T* out) {
  for (int64_t i = 0; i < n; ++i) std::copy_n(rows.row(i), width, out + i * width);
  return {out, width};
}

// scores[j] = q . k_j: for a lone query, which is not worth transposing the keys for.
template <class S, class T>
FOURM_INLINE void dot_keys(const T* q, HeadRows<const T> k, int64_t keys, int64_t width, T* scores) {
  for (int64_t j = 0; j < keys; ++j) {
    const T* key = k.row(j);
    typename S::Vector sums = {};
    int64_t d = 0;
    for (; d + S::kLanes <= width; d += S::kLanes) {
      typename S::Vector a, b;
      load<S>(a, q + d);
      load<S>(b, key + d);
      sums += a * b;
    }
    T sum = 0;
    for (int64_t s = 0; s < S::kLanes; ++s) sum += sums[s];
    for (; d < width; ++d) sum += q[d] * key[d];
    scores[j] = sum;
  }
}

constexpr int64_t kBlock = 28;  // queries at a time in the backward pass: their scores stay in the cache

template <int64_t kBytes, class T>
FOURM_INLINE void forward_body(const HeadShape& s, T scale, HeadRows<const T> q, HeadRows<const T> k,
                               HeadRows<const T> v, HeadRows<T> out, T* lse, int64_t lse_stride,
                               std::vector<T>& scratch) {
  using S = Simd<T, kBytes>;
  constexpr int64_t kRows = S::kRows * (kBytes == 64 ? 1 : 2);  // queries at a time, of whole tiles
  const int64_t ld = S::padded(s.keys);
  T* keys_t = aligned_scratch(scratch, (2 * s.width + kRows) * ld);  // [width, keys]
  T* p = keys_t + s.width * ld;                                      // [block, keys]
  if (s.queries > 1) transpose<S>(k, s.keys, s.width, keys_t, ld);
  if (s.queries > kRows) v = compact(v, s.keys, s.width, p + kRows * ld);
  for (int64_t i0 = 0; i0 < s.queries; i0 += kRows) {
    const int64_t rows = std::min(kRows, s.queries - i0);
    if (s.queries > 1)
      multiply<S, false>(rows, ld, s.width, q.row(i0), q.stride, 1, keys_t, ld, p, ld);
    else
      dot_keys<S>(q.data, k, s.keys, s.width, p);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t seen = s.visible ? s.visible[i0 + r] : s.keys;
      T* row = p + r * ld;
      const T shift = seen ? largest<S>(row, seen) * scale : T{0};
      const T sum = exponentiate<S>(row, seen, ld, scale, shift);
      const T inverse = seen ? 1 / sum : T{0};
      for (int64_t j = 0; j < s.keys; ++j) row[j] *= inverse;
      lse[(i0 + r) * lse_stride] = seen ? shift + std::log(sum) : T{0};
    }
    multiply<S, false>(rows, s.width, s.keys, p, ld, 1, v.data, v.stride, out.row(i0), out.stride);
  }
}

template <int64_t kBytes, class T>
FOURM_INLINE void backward_body(const HeadShape& s, T scale, HeadRows<const T> q, HeadRows<const T> k,
                                HeadRows<const T> v, HeadRows<const T> out, HeadRows<const T> grad_out, const T* lse,
                                int64_t lse_stride, HeadRows<T> grad_q, HeadRows<T> grad_k, HeadRows<T> grad_v,
                                std::vector<T>& scratch) {
  using S = Simd<T, kBytes>;
  const int64_t ld = S::padded(s.keys);
  T* keys_t = aligned_scratch(scratch, (5 * s.width + 2 * kBlock) * ld);
  T* values_t = keys_t + s.width * ld;
  T* p = values_t + s.width * ld;
  T* dp = p + kBlock * ld;
  T* keys = dp + kBlock * ld;
  const HeadRows<T> dk{keys + s.width * ld, s.width}, dv{keys + 2 * s.width * ld, s.width};
  transpose<S>(k, s.keys, s.width, keys_t, ld);
  transpose<S>(v, s.keys, s.width, values_t, ld);
  k = compact(k, s.keys, s.width, keys);
  std::fill_n(dk.data, s.keys * s.width, T{0});
  std::fill_n(dv.data, s.keys * s.width, T{0});
  for (int64_t i0 = 0; i0 < s.queries; i0 += kBlock) {
    const int64_t rows = std::min(kBlock, s.queries - i0);
    multiply<S, false>(rows, ld, s.width, q.row(i0), q.stride, 1, keys_t, ld, p, ld);
    multiply<S, false>(rows, ld, s.width, grad_out.row(i0), grad_out.stride, 1, values_t, ld, dp, ld);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t i = i0 + r, seen = s.visible ? s.visible[i] : s.keys;
      exponentiate<S>(p + r * ld, seen, ld, scale, lse[i * lse_stride]);
    }
    multiply<S, true>(s.keys, s.width, rows, p, 1, ld, grad_out.row(i0), grad_out.stride, dv.data, dv.stride);
    for (int64_t r = 0; r < rows; ++r) {
      const T *o = out.row(i0 + r), *g = grad_out.row(i0 + r);
      T delta = 0;  // sum_j p_j dp_j = out . grad_out
      for (int64_t d = 0; d < s.width; ++d) delta += o[d] * g[d];
      T *pr = p + r * ld, *dr = dp + r * ld;
      for (int64_t j = 0; j < s.keys; ++j) dr[j] = pr[j] * (dr[j] - delta) * scale;
    }
    multiply<S, false>(rows, s.width, s.keys, dp, ld, 1, k.data, k.stride, grad_q.row(i0), grad_q.stride);
    multiply<S, true>(s.keys, s.width, rows, dp, 1, ld, q.row(i0), q.stride, dk.data, dk.stride);
  }
  for (int64_t j = 0; j < s.keys; ++j) {
    std::copy_n(dk.row(j), s.width, grad_k.row(j));
    std::copy_n(dv.row(j), s.width, grad_v.row(j));
  }
}

template <class... Args>
FOURM_AVX512 void forward_avx512(Args&&... args) {
  forward_body<64>(args...);
}
template <class... Args>
FOURM_AVX2 void forward_avx2(Args&&... args) {
  forward_body<32>(args...);
}
template <class... Args>
FOURM_AVX512 void backward_avx512(Args&&... args) {
  backward_body<64>(args...);
}
template <class... Args>
FOURM_AVX2 void backward_avx2(Args&&... args) {
  backward_body<32>(args...);
}

}  // namespace

template <class T>
void attention_forward(const HeadShape& shape, T scale, HeadRows<const T> q, HeadRows<const T> k, HeadRows<const T> v,
                       HeadRows<T> out, T* lse, int64_t lse_stride, std::vector<T>& scratch) {
  if (has_avx512())
    forward_avx512(shape, scale, q, k, v, out, lse, lse_stride, scratch);
  else if (has_avx2())
    forward_avx2(shape, scale, q, k, v, out, lse, lse_stride, scratch);
  else
    forward_body<32>(shape, scale, q, k, v, out, lse, lse_stride, scratch);
}

template <class T>
void attention_backward(const HeadShape& shape, T scale, HeadRows<const T> q, HeadRows<const T> k, HeadRows<const T> v,
                        HeadRows<const T> out, HeadRows<const T> grad_out, const T* lse, int64_t lse_stride,
                        HeadRows<T> grad_q, HeadRows<T> grad_k, HeadRows<T> grad_v, std::vector<T>& scratch) {
  if (has_avx512())
    backward_avx512(shape, scale, q, k, v, out, grad_out, lse, lse_stride, grad_q, grad_k, grad_v, scratch);
  else if (has_avx2())
    backward_avx2(shape, scale, q, k, v, out, grad_out, lse, lse_stride, grad_q, grad_k, grad_v, scratch);
  else
    backward_body<32>(shape, scale, q, k, v, out, grad_out, lse, lse_stride, grad_q, grad_k, grad_v, scratch);
}

#define FOURM_INSTANTIATE(T)                                                                                          \
  template void attention_forward(const HeadShape&, T, HeadRows<const T>, HeadRows<const T>, HeadRows<const T>,       \
                                  HeadRows<T>, T*, int64_t, std::vector<T>&);                                         \
  template void attention_backward(const HeadShape&, T, HeadRows<const T>, HeadRows<const T>, HeadRows<const T>,      \
                                   HeadRows<const T>, HeadRows<const T>, const T*, int64_t, HeadRows<T>, HeadRows<T>, \
                                   HeadRows<T>, std::vector<T>&);
FOURM_INSTANTIATE(float)
FOURM_INSTANTIATE(double)

}  // namespace fourm
