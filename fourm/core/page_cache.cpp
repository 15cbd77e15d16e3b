#include "fourm/core/page_cache.h"

#include <algorithm>

#include "fourm/core/memory.h"

namespace fourm {

void* PageCache::take(size_t bytes) {
  const std::lock_guard lock(mutex_);
  auto fits = kept_.lower_bound(bytes);
  if (fits == kept_.end() || fits->first > bytes + bytes / 2) {
    while (!kept_.empty() && used_bytes_ + bytes + kept_bytes_ > most_used_ + kSpare) {
      const auto oldest = std::min_element(kept_.begin(), kept_.end(),
                                           [](const auto& a, const auto& b) { return a.second.when < b.second.when; });
      kept_bytes_ -= oldest->first;
      kept_.erase(oldest);
    }
    fits = kept_.emplace(bytes, Pages{own_pages(bytes)});
    kept_bytes_ += bytes;
  }
  void* const data = fits->second.data.get();
  auto& used = used_[data];
  kept_bytes_ -= fits->first;
  used_bytes_ += fits->first;
  most_used_ = std::max(most_used_, used_bytes_);
  used = kept_.extract(fits);
  return data;
}

bool PageCache::keep(void* data) {
  if (reinterpret_cast<uintptr_t>(data) % kLargePage != 0) return false;
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(data);
  if (found == used_.end()) return false;
  auto pages = std::move(found->second);
  used_.erase(found);
  used_bytes_ -= pages.key();
  kept_bytes_ += pages.key();
  pages.mapped().when = count_++;
  kept_.insert(std::move(pages));
  return true;
}

void PageCache::clear() {
  const std::lock_guard lock(mutex_);
  kept_.clear();
  kept_bytes_ = 0;
  most_used_ = used_bytes_;
}

size_t PageCache::held() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_ + kept_bytes_;
}

size_t PageCache::most_used() const {
  const std::lock_guard lock(mutex_);
  return most_used_;
}

}  // namespace fourm
