#include "fourm/data/prefetch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

#include "fourm/core/error.h"

namespace fourm {
namespace {

TEST(PrefetcherTest, GivesEachResultOnceInAnyOrderAndPassesErrorsOn) {
  Prefetcher<int64_t> squares(
      [](int64_t i) {
        check(i != 7, "seven");
        return i * i;
      },
      3);
  for (const int64_t i : {0, 1, 2, 3, 10, 11, 4, 5, 6}) EXPECT_EQ(squares.get(i), i * i);
  EXPECT_THROW(squares.get(7), Error);
  EXPECT_EQ(squares.get(8), 64);
}

// What is made ahead is read by this thread: plain memory, no locks.
TEST(PrefetcherTest, ResultsOfOtherThreadsAreWhole) {
  Prefetcher<std::vector<int64_t>> rows(
      [](int64_t i) {
        std::vector<int64_t> row(1000);
        std::iota(row.begin(), row.end(), i);
        return row;
      },
      4);
  for (int64_t i = 0; i < 50; ++i) {
    const auto row = rows.get(i);
    EXPECT_EQ(row.front(), i);
    EXPECT_EQ(row.back(), i + 999);
  }
}

TEST(PrefetcherTest, ItsEndWaitsForWhatIsInTheMaking) {
  std::atomic<int64_t> begun = 0, finished = 0;
  {
    Prefetcher<int64_t> numbers(
        [&](int64_t i) {
          ++begun;
          const int64_t result = i;
          ++finished;
          return result;
        },
        4);
    EXPECT_EQ(numbers.get(0), 0);
  }
  EXPECT_EQ(begun, 5);
  EXPECT_EQ(finished, 5);
}

}  // namespace
}  // namespace fourm
