// Vectors of a chosen width for hot loops, to be inlined into functions compiled for it (simd.h).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "fourm/kernels/cpu/simd.h"

namespace fourm {

// Vectors of kBytes (32 or 64), and the register tile of matrix multiplication: kRows x kCols sums, which leave a few of the
// 16 or 32 registers for the factors.
template <class T, int64_t kBytes>
struct Simd {
  typedef T Vector __attribute__((vector_size(kBytes)));
  typedef uint32_t Bits __attribute__((vector_size(kBytes)));
  static constexpr int64_t kLanes = kBytes / sizeof(T), kCols = 2 * kLanes, kRows = kBytes == 64 ? 14 : 6;
  static int64_t padded(int64_t n) { return (n + kCols - 1) / kCols * kCols; }
};

// Vectors of which only the first n lanes are in memory; the others read as 0.
template <class S, class T>
FOURM_INLINE void load(typename S::Vector& v, const T* from, int64_t n = S::kLanes) {
  v = typename S::Vector{};
  if (n == S::kLanes)
    std::memcpy(&v, from, sizeof v);
  else
    std::memcpy(&v, from, static_cast<size_t>(n) * sizeof(T));
}
template <class S, class T>
FOURM_INLINE void store(const typename S::Vector& v, T* to, int64_t n = S::kLanes) {
  if (n == S::kLanes)
    std::memcpy(to, &v, sizeof v);
  else
    std::memcpy(to, &v, static_cast<size_t>(n) * sizeof(T));
}

// At least n numbers that begin at a cache line.
template <class T>
T* aligned_scratch(std::vector<T>& scratch, int64_t n) {
  constexpr size_t kLine = 64;
  scratch.resize(std::max(scratch.size(), static_cast<size_t>(n) + kLine / sizeof(T)));
  const auto address = reinterpret_cast<uintptr_t>(scratch.data());
  return reinterpret_cast<T*>((address + kLine - 1) / kLine * kLine);
}

// x <- e^x for x <= 0: Cody-Waite reduction and a degree-6 polynomial, relative error below 2e-7. NaN stays NaN.
template <class S>
FOURM_INLINE void exponential(typename S::Vector& x, float) {
  using Vector = typename S::Vector;
  using Bits = typename S::Bits;
  x = x < -87.0f ? x - x - 87.0f : x;
  const Vector shifted = x * 1.44269504f + 12582912.0f;  // rounds to an integer in the low mantissa bits
  const Vector n = shifted - 12582912.0f;
  const Vector r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vector p = r * 1.39304362e-3f + 8.33334774e-3f;
  p = p * r + 4.16667977e-2f;
  p = p * r + 1.66666657e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const auto power = reinterpret_cast<Vector>(reinterpret_cast<Bits>(p) + (reinterpret_cast<Bits>(shifted) << 23));
  x = x == x ? power : x;
}
template <class S>
FOURM_INLINE void exponential(typename S::Vector& x, double) {
  for (int i = 0; i < S::kLanes; ++i) x[i] = std::exp(x[i]);
}

// x <- x sigmoid(x)
template <class S>
FOURM_INLINE void silu(typename S::Vector& x) {
  typename S::Vector e = x < 0.0f ? x : -x;
  exponential<S>(e, 0.0f);
  x *= (x < 0.0f ? e : e - e + 1.0f) / (e + 1.0f);
}

// x <- x Phi(x), the exact form: Phi(-|x|) = t exp(P(t) - z^2) / 2 with z = |x| / sqrt(2), t = 1 / (1 + z / 2) and P fitted
// (Chebyshev nodes) to log(erfc(z) / t) + z^2 up to z = 9.5; absolute error below 3e-7 for |x| < 8.
template <class S>
FOURM_INLINE void gelu(typename S::Vector& x) {
  using Vector = typename S::Vector;
  const Vector z = (x < 0.0f ? -x : x) * 0.707106781f;
  const Vector t = 1.0f / (z * 0.5f + 1.0f);
  Vector p = t * 0.140507134f - 0.656615832f;
  p = p * t + 1.09943847f;
  p = p * t - 0.619523333f;
  p = p * t - 0.144173502f;
  p = p * t + 0.0354678624f;
  p = p * t + 0.0228741433f;
  p = p * t + 0.389117147f;
  p = p * t + 0.998341449f;
  p = p * t - 1.26543349f;
  p = p - z * z;
  p = p < 0.0f ? p : p - p;  // above by rounding at most
  exponential<S>(p, 0.0f);
  const Vector tail = x * t * p * 0.5f;
  x = x < 0.0f ? tail : x - tail;
}

template <class Body, class... Arguments>
FOURM_AVX512 void run_avx512(const Arguments&... arguments) {
  Body::template run<Simd<float, 64>>(arguments...);
}
template <class Body, class... Arguments>
FOURM_AVX2 void run_avx2(const Arguments&... arguments) {
  Body::template run<Simd<float, 32>>(arguments...);
}
// Body::run<S>(arguments...) with the widest vectors of the processor at hand; run is a FOURM_INLINE static function.
template <class Body, class... Arguments>
void run_widest(const Arguments&... arguments) {
  if (has_avx512())
    run_avx512<Body>(arguments...);
  else if (has_avx2())
    run_avx2<Body>(arguments...);
  else
    Body::template run<Simd<float, 32>>(arguments...);
}

/// out[i] = e^((x[i] - highest) * scale), which must not be above 1; for the processor at hand.
void exponentials(const float* x, int64_t n, float highest, float scale, float* out);

}  // namespace fourm
