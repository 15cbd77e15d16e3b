// Vectors of a chosen width for hot loops, to be inlined into functions compiled for it (core/simd.h).
#pragma once

#include <cmath>
#include <cstdint>

#include "fourm/core/simd.h"

namespace fourm {

// Vectors of kBytes (32 or 64), and the register tile of the products: kRows x kCols sums.
template <class T, int64_t kBytes>
struct Simd {
  typedef T Vector __attribute__((vector_size(kBytes)));
  typedef uint32_t Bits __attribute__((vector_size(kBytes)));
  static constexpr int64_t kLanes = kBytes / sizeof(T), kCols = 2 * kLanes, kRows = kBytes / 8;
  static int64_t padded(int64_t n) { return (n + kCols - 1) / kCols * kCols; }
};

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

/// out[i] = e^((x[i] - highest) * scale), which must not be above 1; for the processor at hand.
void exponentials(const float* x, int64_t n, float highest, float scale, float* out);

}  // namespace fourm
