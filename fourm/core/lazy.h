// A value that is made when it is first asked for.
#pragma once

#include <memory>
#include <mutex>

namespace fourm {

/// Made once, by whichever thread asks first while the others wait; when making it fails, the next to ask tries again.
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
