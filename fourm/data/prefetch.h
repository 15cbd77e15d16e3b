// Prefetching: background threads make results before they are used. make(index) must depend on the index alone, so that the
// results do not depend on the threads or on the number of prefetched results.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>

namespace fourm {

template <class T>
class Prefetcher {
 public:
  /// Keeps up to `ahead` results in the making, each in a thread of its own.
  Prefetcher(std::function<T(int64_t)> make, int64_t ahead) : make_(std::move(make)), ahead_(ahead) {}

  /// make(index); prefetches from index + 1 on. Throws what make() threw.
  T get(int64_t index) {
    std::erase_if(coming_, [&](const auto& item) { return item.first < index || item.first > index + ahead_; });
    for (int64_t i = index; i <= index + ahead_; ++i)
      if (!coming_.contains(i)) coming_[i] = std::async(std::launch::async, make_, i);
    auto result = std::move(coming_.at(index));
    coming_.erase(index);
    return result.get();
  }

 private:
  std::function<T(int64_t)> make_;
  int64_t ahead_;
  std::map<int64_t, std::future<T>> coming_;
};

}  // namespace fourm
