#include "fourm/nn/position.h"

#include "tests/support/compare.h"

namespace fourm {
namespace {

double angle(int64_t t, int64_t i, int64_t count) {
  return static_cast<double>(t) * std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(count));
}

TEST(Positions, OneDimensionIsSinesThenCosines) {
  const Tensor table = sincos_1d(7, 12);
  ASSERT_EQ(table.sizes(), (at::IntArrayRef{7, 12}));
  for (int64_t t = 0; t < 7; ++t)
    for (int64_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(table[t][i].item<float>(), std::sin(angle(t, i, 6)), 1e-6);
      EXPECT_NEAR(table[t][6 + i].item<float>(), std::cos(angle(t, i, 6)), 1e-6);
    }
}

TEST(Positions, TwoDimensionsAreTheRowThenTheColumn) {
  const Tensor table = sincos_2d(3, 5, 16), rows = sincos_1d(3, 8), columns = sincos_1d(5, 8);
  ASSERT_EQ(table.sizes(), (at::IntArrayRef{15, 16}));
  for (int64_t y = 0; y < 3; ++y)
    for (int64_t x = 0; x < 5; ++x) {
      const Tensor row = table[5 * y + x];
      EXPECT_LE(test::largest_difference(row.slice(0, 0, 8), rows[y]), 1e-6);
      EXPECT_LE(test::largest_difference(row.slice(0, 8, 16), columns[x]), 1e-6);
    }
}

}  // namespace
}  // namespace fourm
