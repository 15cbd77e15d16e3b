#include "fourm/nn/vector.h"

#include <algorithm>

namespace fourm {
namespace {

template <int64_t kBytes>
FOURM_INLINE void exponentials_body(const float* x, int64_t n, float highest, float scale, float* out) {
  using S = Simd<float, kBytes>;
  for (int64_t i = 0; i < n; i += S::kLanes) {
    const int64_t some = std::min(S::kLanes, n - i);
    typename S::Vector v;
    load<S>(v, x + i, some);
    v = (v - highest) * scale;
    exponential<S>(v, 0.0f);
    store<S>(v, out + i, some);
  }
}
FOURM_AVX512 void exponentials_avx512(const float* x, int64_t n, float highest, float scale, float* out) {
  exponentials_body<64>(x, n, highest, scale, out);
}
FOURM_AVX2 void exponentials_avx2(const float* x, int64_t n, float highest, float scale, float* out) {
  exponentials_body<32>(x, n, highest, scale, out);
}

}  // namespace

void exponentials(const float* x, int64_t n, float highest, float scale, float* out) {
  if (has_avx512())
    exponentials_avx512(x, n, highest, scale, out);
  else if (has_avx2())
    exponentials_avx2(x, n, highest, scale, out);
  else
    exponentials_body<32>(x, n, highest, scale, out);
}

}  // namespace fourm
