// A value that is computed when it is first used.
#pragma once

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
    std::call_once(once_, [&] { value_ = std::make_unique<const T>(make()); });
    return *value_;
  }

 private:
  mutable std::once_flag once_;
  mutable std::unique_ptr<const T> value_;
};

}  // namespace fourm
