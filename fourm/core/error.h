// Errors that a user can act on. A message says where (file, key, tensor), what was found against what was
// expected, and what to do. The program prints it as one line and exits 1.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace fourm {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Joins the parts with operator<<.
template <class... Parts>
std::string concat(Parts&&... parts) {
  std::ostringstream out;
  (out << ... << std::forward<Parts>(parts));
  return out.str();
}

template <class... Parts>
[[noreturn]] void fail(Parts&&... parts) {
  throw Error(concat(std::forward<Parts>(parts)...));
}

/// Throws Error with the joined parts unless `condition` holds. The parts are joined only on failure.
template <class... Parts>
void check(bool condition, Parts&&... parts) {
  if (!condition) [[unlikely]]
    fail(std::forward<Parts>(parts)...);
}

}  // namespace fourm
