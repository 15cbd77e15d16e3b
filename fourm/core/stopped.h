// The end of an operation whose caller asked it to stop.
#pragma once

#include <exception>

namespace fourm {

/// Thrown when a callback asked an operation to stop. Nothing is wrong, so it is no Error.
class Stopped : public std::exception {
 public:
  const char* what() const noexcept override { return "stopped"; }
};

}  // namespace fourm
