#include "cli/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>

#include "fourm/core/page_cache.h"

namespace fourm {
namespace {

constexpr size_t kLarge = 256 << 10;  // the heap has what is smaller

PageCache& cache() {
  static auto* const pages = new PageCache;  // never destroyed: there are tensors until the very end
  return *pages;
}

class TensorMemory : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* const data = bytes < kLarge ? c10::alloc_cpu(bytes) : cache().take(bytes);
    return {data, data, release, c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static void release(void* data) {
    if (!cache().keep(data)) c10::free_cpu(data);
  }
};

}  // namespace

void keep_freed_memory() {
  static auto* const memory = new TensorMemory;
  c10::SetAllocator(c10::DeviceType::CPU, memory, 1);
  mallopt(M_MMAP_THRESHOLD, 16 << 20);  // what is not a tensor
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

void release_freed_memory() {
  cache().clear();
  malloc_trim(0);
}

}  // namespace fourm
