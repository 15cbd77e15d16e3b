// What an action says when it refuses its input.
#pragma once

#include <string>

#include "fourm/core/error.h"

namespace fourm::test {

/// The message of the Error that `action` throws, else "no error".
template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace fourm::test
