#include "fourm/kernels/cpu/simd.h"

#include <ATen/Version.h>

namespace fourm {

#if defined(__x86_64__)

bool has_avx2() {
  static const bool yes =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && at::get_cpu_capability() != "DEFAULT";
  return yes;
}

bool has_avx512() {
  static const bool yes = has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                          at::get_cpu_capability() != "AVX2";
  return yes;
}

bool has_avx512_vnni() {
  static const bool yes = has_avx512() && __builtin_cpu_supports("avx512vnni");
  return yes;
}

bool has_avx_vnni() {
#if defined(__clang__)  // whose older versions do not know the name
  return false;
#else
  static const bool yes = has_avx2() && __builtin_cpu_supports("avxvnni");
  return yes;
#endif
}

#else

bool has_avx2() { return false; }
bool has_avx512() { return false; }
bool has_avx512_vnni() { return false; }
bool has_avx_vnni() { return false; }

#endif

}  // namespace fourm
