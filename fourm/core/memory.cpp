#include "fourm/core/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <limits>

namespace fourm {

void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

void prefer_large_pages(const void* data, size_t bytes) {
  constexpr uintptr_t kLarge = 2 << 20;
  if (bytes < kLarge) return;
  // Whole large pages around the memory, so that neighbours share theirs; a refusal changes nothing.
  const auto begin = reinterpret_cast<uintptr_t>(data) / kLarge * kLarge;
  const auto end = (reinterpret_cast<uintptr_t>(data) + bytes + kLarge - 1) / kLarge * kLarge;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace fourm
