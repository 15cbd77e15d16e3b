#include "fourm/core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

#include "fourm/core/error.h"
#include "tests/support/message_of.h"

namespace fourm {
namespace {

TEST(Parallel, EveryIndexOnceAndTheFirstErrorComesOut) {
  std::vector<int> hits(1000);
  parallel_for(
      1000, [&](int64_t i) { ++hits[i]; }, 4);
  EXPECT_EQ(std::accumulate(hits.begin(), hits.end(), 0), 1000);
  EXPECT_EQ(test::message_of([] {
              parallel_for(
                  10,
                  [](int64_t i) {
                    if (i == 5) fail("five");
                  },
                  2);
            }),
            "five");
}

}  // namespace
}  // namespace fourm
