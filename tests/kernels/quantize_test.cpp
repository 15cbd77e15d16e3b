// Numbers in steps against plain arithmetic, at lengths beside whole vectors.
#include "fourm/kernels/cpu/quantize.h"

#include <cmath>

#include "tests/support/compare.h"

namespace fourm {
namespace {

TEST(Quantize, RoundsToTheNearestStepAroundZero) {
  for (const int64_t n : {1, 7, 64, 131}) {
    const Tensor x = test::wave({n}, 0.7) * 3 + 0.1;
    const float *from = x.const_data_ptr<float>(), step = largest_magnitude(from, n) / 127;
    for (const int32_t zero : {0, 128}) {
      std::vector<uint8_t> levels(static_cast<size_t>(n) + 1, 99);
      quantize(from, n, step, zero, levels.data());
      for (int64_t i = 0; i < n; ++i) {
        const int level = zero ? levels[i] - zero : static_cast<int8_t>(levels[i]);
        EXPECT_NEAR(level, from[i] / step, 0.501) << n << " " << i;
      }
      EXPECT_EQ(levels.back(), 99) << "beyond the end";
    }
  }
}

TEST(Quantize, ZerosHaveNoStep) {
  const std::vector<float> zeros(20);
  std::vector<uint8_t> levels(20);
  EXPECT_EQ(largest_magnitude(zeros.data(), 20), 0);
  quantize(zeros.data(), 20, 0, 128, levels.data());
  for (const uint8_t level : levels) EXPECT_EQ(level, 128);
}

TEST(Quantize, TheLargestMagnitudeHasEitherSign) {
  std::vector<float> x(37, 0.5F);
  x[20] = 2;
  EXPECT_EQ(largest_magnitude(x.data(), 37), 2);
  x[36] = -3;
  EXPECT_EQ(largest_magnitude(x.data(), 37), 3);
  EXPECT_EQ(largest_magnitude(x.data(), 36), 2);
  x[3] = std::nanf("");
  EXPECT_TRUE(std::isnan(largest_magnitude(x.data(), 37)));
}

}  // namespace
}  // namespace fourm
