#include "fourm/core/page_cache.h"

#include <algorithm>

#include "fourm/core/memory.h"

namespace fourm {

void* PageCache::take(size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (const auto fits = kept_.lower_bound(bytes); fits != kept_.end() && fits->first <= bytes + bytes / 4) {
    Pages pages = std::move(fits->second);
    kept_.erase(fits);
    kept_bytes_ -= pages.bytes;
    return use(std::move(pages));
  }
  while (!kept_.empty() && used_bytes_ + bytes + kept_bytes_ > most_used_ + kSpare) {
    const auto oldest = std::min_element(kept_.begin(), kept_.end(),
                                         [](const auto& a, const auto& b) { return a.second.when < b.second.when; });
    kept_bytes_ -= oldest->first;
    kept_.erase(oldest);
  }
  return use({own_pages(bytes), bytes});
}

void* PageCache::use(Pages pages) {
  void* const data = pages.data.get();
  used_bytes_ += pages.bytes;
  most_used_ = std::max(most_used_, used_bytes_);
  used_.emplace(data, std::move(pages));
  return data;
}

bool PageCache::keep(void* data) {
  if (reinterpret_cast<uintptr_t>(data) % kLargePage != 0) return false;
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(data);
  if (found == used_.end()) return false;
  Pages pages = std::move(found->second);
  used_.erase(found);
  pages.when = count_++;
  used_bytes_ -= pages.bytes;
  kept_bytes_ += pages.bytes;
  kept_.emplace(pages.bytes, std::move(pages));
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
