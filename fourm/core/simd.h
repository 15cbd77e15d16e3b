// Hot loops are compiled twice, for any x86-64 and for AVX2 with FMA, and chosen at run time.
#pragma once

#if defined(__x86_64__)
#define FOURM_AVX2 __attribute__((target("avx2,fma")))
#else
#define FOURM_AVX2
#endif
#define FOURM_INLINE [[gnu::always_inline]] inline

namespace fourm {

inline bool has_avx2() {
#if defined(__x86_64__)
  static const bool yes = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return yes;
#else
  return false;
#endif
}

}  // namespace fourm
