#include "fourm/core/lazy.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "fourm/core/error.h"
#include "fourm/core/parallel.h"
#include "tests/support/message_of.h"

namespace fourm {
namespace {

TEST(Lazy, MakesOneValueForAllWhoAskAtOnce) {
  const Lazy<int> lazy;
  std::atomic<int> made = 0;
  std::array<const int*, 16> seen{};
  parallel_for(
      16, [&](int64_t i) { seen[static_cast<size_t>(i)] = &lazy.get([&] { return 41 + ++made; }); }, 4);
  EXPECT_EQ(made, 1);
  for (const int* value : seen) {
    EXPECT_EQ(value, seen[0]);
    EXPECT_EQ(*value, 42);
  }
}

TEST(Lazy, TriesAgainAfterAFailure) {
  const Lazy<std::string> lazy;
  EXPECT_EQ(test::message_of([&] { lazy.get([]() -> std::string { fail("not yet"); }); }), "not yet");
  EXPECT_EQ(lazy.get([] { return std::string("made"); }), "made");
  EXPECT_EQ(lazy.get([] { return std::string("another"); }), "made");
}

}  // namespace
}  // namespace fourm
