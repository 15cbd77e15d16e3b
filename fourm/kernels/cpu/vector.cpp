#include "fourm/kernels/cpu/vector.h"

#include <algorithm>

namespace fourm {
namespace {

struct Exponentials {
  template <class S>
  FOURM_INLINE static void run(const float* x, int64_t n, float highest, float scale, float* out) {
    for (int64_t i = 0; i < n; i += S::kLanes) {
      const int64_t some = std::min(S::kLanes, n - i);
      typename S::Vector v;
      load<S>(v, x + i, some);
      v = (v - highest) * scale;
      exponential<S>(v, 0.0f);
      store<S>(v, out + i, some);
    }
  }
};

}  // namespace

void exponentials(const float* x, int64_t n, float highest, float scale, float* out) {
  run_widest<Exponentials>(x, n, highest, scale, out);
}

}  // namespace fourm
