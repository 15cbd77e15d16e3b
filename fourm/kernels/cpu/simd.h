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

// What the processor has and LibTorch uses: ATEN_CPU_CAPABILITY=avx2 or default limits these functions too.
bool has_avx2();
bool has_avx512();
bool has_avx512_vnni();  // sums of four products of bytes in one instruction, in vectors of 64 bytes
bool has_avx_vnni();     // the same in vectors of 32 bytes

}  // namespace fourm
