#include "fourm/core/memory.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <new>

namespace fourm {
namespace {

std::atomic<bool> keeping = false;

}  // namespace

void keep_freed_memory() {
  keeping = true;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

void give_back_freed_memory() {
  constexpr size_t kWorthAsking = 64 << 20;  // again for what comes next takes some hundredths of a second
  if (keeping && ::mallinfo2().fordblks >= kWorthAsking) ::malloc_trim(0);
}

std::shared_ptr<void> lasting_memory(size_t bytes) {
  constexpr size_t kLarge = 2 << 20;
  const auto small = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  bytes = (std::max<size_t>(bytes, 1) + small - 1) / small * small;
  // More than is needed: what lies before the first whole large page, and beyond the bytes from there, is given back.
  void* const mapped =
      ::mmap(nullptr, bytes + kLarge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<char*>(mapped);
  const size_t before = -reinterpret_cast<uintptr_t>(mapped) % kLarge;
  if (before > 0) ::munmap(begin, before);
  ::munmap(begin + before + bytes, kLarge - before);
  ::madvise(begin + before, bytes, MADV_HUGEPAGE);  // a refusal changes nothing
  return {begin + before, [bytes](void* data) { ::munmap(data, bytes); }};
}

}  // namespace fourm
