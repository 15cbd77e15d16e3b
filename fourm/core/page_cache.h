// Memory that comes and goes in large pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace fourm {

/// Keeps pages that are given back for the next request of about their size: fresh ones are cleared by the system, which takes
/// longer than much that is done with them. A heap would keep them too, but small things that last would pin the gaps
/// between. Used and kept together are never more than was used at once, and kSpare. Safe for use by several threads.
class PageCache {
 public:
  static constexpr size_t kSpare = 32 << 20;
  /// Room of any contents, from a multiple of kLargePage on; throws std::bad_alloc.
  void* take(size_t bytes);
  /// Takes room back; false where it is not from here.
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
