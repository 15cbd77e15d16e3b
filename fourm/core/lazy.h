// A value that is computed when it is first used.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

namespace fourm {

/// Computed once, by the first thread that calls get() while the others wait. When that fails, the next call tries again.
/// Thread-safe. T may be incomplete where only its owner's constructors and destructor know it.
template <class T>
class Lazy {
 public:
  /// The value; make() -> T is called when there is none yet.
  template <class Make>
  const T& get(const Make& make) const {
    if (const T* made = made_.load(std::memory_order_acquire)) return *made;
    const std::lock_guard lock(
        making_);  // not std::call_once, which waits for ever after an exception under ThreadSanitizer
    if (!value_) {
      value_ = std::make_unique<const T>(make());
      made_.store(value_.get(), std::memory_order_release);
    }
    return *value_;
  }

 private:
  mutable std::mutex making_;
  mutable std::unique_ptr<const T> value_;
  mutable std::atomic<const T*> made_ = nullptr;  // of value_: read without the lock
};

}  // namespace fourm
