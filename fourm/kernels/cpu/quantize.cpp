#include "fourm/kernels/cpu/quantize.h"

#include <bit>

#include "fourm/kernels/cpu/simd.h"

namespace fourm {
namespace {

// Plain loops that vectorise.
FOURM_INLINE float largest_body(const float* x, int64_t n) {
  int32_t largest = 0;  // bits of |x| order as numbers do, NaN above all
  for (int64_t i = 0; i < n; ++i) {
    const int32_t bits = std::bit_cast<int32_t>(x[i]) & 0x7fffffff;
    largest = largest > bits ? largest : bits;
  }
  return std::bit_cast<float>(largest);
}

FOURM_INLINE void quantize_body(const float* x, int64_t n, float scale, int32_t zero_point, uint8_t* out) {
  const float inverse = scale > 0 ? 1 / scale : 0.0f;
  const float shift = 12582912.0f + static_cast<float>(zero_point);  // rounds into the low bits of the mantissa
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(std::bit_cast<int32_t>(x[i] * inverse + shift));
}

FOURM_AVX512 float largest_avx512(const float* x, int64_t n) { return largest_body(x, n); }
FOURM_AVX2 float largest_avx2(const float* x, int64_t n) { return largest_body(x, n); }
FOURM_AVX512 void quantize_avx512(const float* x, int64_t n, float scale, int32_t zero_point, uint8_t* out) {
  quantize_body(x, n, scale, zero_point, out);
}
FOURM_AVX2 void quantize_avx2(const float* x, int64_t n, float scale, int32_t zero_point, uint8_t* out) {
  quantize_body(x, n, scale, zero_point, out);
}

}  // namespace

float largest_magnitude(const float* x, int64_t n) {
  return has_avx512() ? largest_avx512(x, n) : has_avx2() ? largest_avx2(x, n) : largest_body(x, n);
}

void quantize(const float* x, int64_t n, float scale, int32_t zero_point, uint8_t* out) {
  (has_avx512() ? quantize_avx512 : has_avx2() ? quantize_avx2 : quantize_body)(x, n, scale, zero_point, out);
}

}  // namespace fourm
