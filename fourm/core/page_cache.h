// A cache of large allocations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace fourm {

/// Keeps freed pages for the next request of at least two thirds of their size. The system clears new pages, which takes
/// longer than much of the work that is done with them. A heap would keep pages too, but small allocations between them
/// would fragment it. The bytes in use and those kept are together at most the largest number in use at once, plus kSpare.
/// Thread-safe.
class PageCache {
 public:
  static constexpr size_t kSpare = 32 << 20;
  /// Memory of any contents that begins at a multiple of kLargePage; throws std::bad_alloc.
  void* take(size_t bytes);
  /// Frees memory; false where this cache did not allocate it.
  bool keep(void* data);
  /// Returns the cached memory to the system, and counts the most used at once from now on.
  void clear();
  /// Bytes used or kept, and the most that were used at once.
  size_t held() const;
  size_t most_used() const;

 private:
  struct Pages {
    std::shared_ptr<void> data;
    uint64_t when = 0;  // they were kept: after how many others
  };
  using Kept = std::multimap<size_t, Pages>;  // by size
  mutable std::mutex mutex_;
  Kept kept_;
  std::unordered_map<void*, Kept::node_type> used_;  // by begin: nodes stay, so that nothing can fail where tensors end
  size_t used_bytes_ = 0, kept_bytes_ = 0, most_used_ = 0;
  uint64_t count_ = 0;
};

}  // namespace fourm
