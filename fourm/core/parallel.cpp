#include "fourm/core/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace fourm {

int processor_count() { return std::max(1u, std::thread::hardware_concurrency()); }

void parallel_for(int64_t n, const std::function<void(int64_t)>& body, int threads) {
  const int count = static_cast<int>(std::min<int64_t>(threads > 0 ? threads : processor_count(), n));
  std::atomic<int64_t> next = 0;
  std::exception_ptr first;
  std::mutex mutex;
  const auto work = [&] {
    for (int64_t i; (i = next++) < n;) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::current_exception();
        next = n;
      }
    }
  };
  std::vector<std::jthread> pool;
  for (int t = 1; t < count; ++t) pool.emplace_back(work);
  work();
  pool.clear();
  if (first) std::rethrow_exception(first);
}

}  // namespace fourm
