#include "fourm/data/sample_buffer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/parallel.h"
#include "fourm/data/sample.h"

namespace fourm {
namespace {

TokenSample numbered(int64_t n) { return {{"tok", {{n}, {}, 0, {}}}}; }
int64_t number_of(const std::shared_ptr<const TokenSample>& sample) { return sample->at("tok").ids[0]; }

TEST(SampleBuffer, EverySampleIsUsedSoOftenAndReadOnce) {
  std::map<int64_t, int> reads, uses;
  SampleBuffer<TokenSample> buffer([&](int64_t n) { return ++reads[n], numbered(n); }, 10, 4, 1);
  bool in_order = true;
  for (int64_t index = 0; index < 120; ++index) {
    const int64_t n = number_of(buffer.sample(index));
    EXPECT_EQ(n / 10, index / 40);  // three fillings of the buffer
    in_order &= n == index / 4;
    ++uses[n];
  }
  ASSERT_EQ(uses.size(), 30u);
  for (const auto& [n, count] : uses) EXPECT_TRUE(count == 4 && reads[n] == 1);
  EXPECT_FALSE(in_order);
}

TEST(SampleBuffer, OneRepeatKeepsTheOrder) {
  SampleBuffer<TokenSample> buffer(numbered, 10, 1, 1);
  for (int64_t index = 0; index < 25; ++index) EXPECT_EQ(number_of(buffer.sample(index)), index);
}

TEST(SampleBuffer, ASampleIsTheSameWhereverARunStartsAndOnAnyThread) {
  SampleBuffer<TokenSample> whole(numbered, 7, 3, 5), other_seed(numbered, 7, 3, 6);
  std::vector<int64_t> order;
  int different = 0;
  for (int64_t index = 0; index < 100; ++index) {
    order.push_back(number_of(whole.sample(index)));
    different += number_of(other_seed.sample(index)) != order.back();
  }
  EXPECT_GT(different, 20);
  for (const int64_t start : {1, 20, 21, 50, 99}) {
    SampleBuffer<TokenSample> later(numbered, 7, 3, 5);
    for (int64_t index = start; index < 100; ++index) ASSERT_EQ(number_of(later.sample(index)), order[index]);
  }
  SampleBuffer<TokenSample> shared(numbered, 7, 3, 5);
  std::atomic<int> wrong = 0;
  parallel_for(
      100, [&](int64_t index) { wrong += number_of(shared.sample(index)) != order[index]; }, 4);
  EXPECT_EQ(wrong, 0);
}

TEST(SampleBuffer, SaysWhatIsWrong) {
  EXPECT_THROW(SampleBuffer<TokenSample>(numbered, 0, 4, 1), Error);
  EXPECT_THROW(SampleBuffer<TokenSample>(numbered, 10, 0, 1), Error);
}

}  // namespace
}  // namespace fourm
