// Hot loops are compiled for any x86-64, for AVX2 with FMA and for AVX-512, and chosen at run time.
#pragma once

#if defined(__x86_64__)
#define FOURM_AVX2 __attribute__((target("avx2,fma")))
#define FOURM_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")))
#else
#define FOURM_AVX2
#define FOURM_AVX512
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

inline bool has_avx512() {
#if defined(__x86_64__)
  static const bool yes = has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return yes;
#else
  return false;
#endif
}

// Sums of four products of bytes in one instruction (VNNI), in vectors of 64 or 32 bytes.
inline bool has_avx512_vnni() {
#if defined(__x86_64__)
  static const bool yes = has_avx512() && __builtin_cpu_supports("avx512vnni");
  return yes;
#else
  return false;
#endif
}

inline bool has_avx_vnni() {
#if defined(__x86_64__) && !defined(__clang__)  // whose older versions do not know the name
  static const bool yes = has_avx2() && __builtin_cpu_supports("avxvnni");
  return yes;
#else
  return false;
#endif
}

}  // namespace fourm
