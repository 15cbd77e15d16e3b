// Broken files by the hundred: a valid file with bytes flipped, removed, repeated or cut off.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"

namespace fourm::test {

inline std::string damaged(std::string bytes, Random& random) {
  const auto place = [&] { return static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size()))); };
  for (int64_t i = random.between(1, 3); i > 0 && !bytes.empty(); --i) {
    const size_t at = place();
    switch (random.below(5)) {
      case 0: bytes[at] = static_cast<char>(random.bits()); break;
      case 1: bytes[at] = "0129-.eE\"[]{}:,\\"[random.below(16)]; break;  // keeps texts nearly well formed
      case 2: bytes.erase(at, static_cast<size_t>(random.between(1, 8))); break;
      case 3: bytes.insert(at, bytes.substr(at, static_cast<size_t>(random.between(1, 8)))); break;
      default:
        if (random.chance(0.2)) bytes.resize(at);
    }
  }
  return bytes;
}

/// `read` must take each damaged copy or refuse it by an Error of one line.
template <class Read>
void expect_refusals(const std::string& valid, int copies, const Read& read) {
  Random random(7);
  int refused = 0;
  for (int i = 0; i < copies; ++i) {
    const std::string bytes = damaged(valid, random);
    try {
      read(bytes);
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "copy " << i << ": " << error.what();
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace fourm::test
