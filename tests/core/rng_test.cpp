#include "fourm/core/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace fourm {
namespace {

// Known answers of the authors' test vectors (Random123, kat_vectors).
TEST(Random, PhiloxEqualsThePublishedVectors) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, StreamsDependOnSeedAndKeysOnly) {
  Random a(1, {2, 3}), b(1, {2, 3}), c(1, {3, 2}), d(2, {2, 3});
  const uint64_t first = a.bits64();
  EXPECT_EQ(first, b.bits64());
  EXPECT_NE(first, c.bits64());
  EXPECT_NE(first, d.bits64());
}

TEST(Random, MomentsAreRight) {
  Random random(5);
  constexpr int n = 200000;
  double uniform = 0, normal = 0, square = 0, gamma = 0;
  for (int i = 0; i < n; ++i) {
    uniform += random.uniform();
    const double x = random.normal();
    normal += x;
    square += x * x;
    gamma += std::exp(random.log_gamma_draw(0.5));
  }
  EXPECT_NEAR(uniform / n, 0.5, 0.005);
  EXPECT_NEAR(normal / n, 0, 0.012);
  EXPECT_NEAR(square / n, 1, 0.02);
  EXPECT_NEAR(gamma / n, 0.5, 0.01);
}

TEST(Random, TinyGammaShapesStayFinite) {
  Random random(5);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(std::isfinite(random.log_gamma_draw(1e-3)));
}

TEST(Random, PermutationsHoldEveryIndexOnce) {
  Random random(9);
  auto p = random.permutation(100);
  EXPECT_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(p[i], i);
}

}  // namespace
}  // namespace fourm
