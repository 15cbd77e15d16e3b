#include "fourm/kernels/cpu/vector.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace fourm {
namespace {

TEST(Exponentials, FollowTheStandardLibrary) {
  std::vector<float> x, out(1001);
  for (int i = 0; i < 1001; ++i) x.push_back(-0.08f * static_cast<float>(i));
  exponentials(x.data(), 1001, 0, 1, out.data());
  for (int i = 0; i < 1001; ++i) EXPECT_NEAR(out[i] / std::exp(x[i]), 1, 1e-6) << x[i];
}

// Whatever its payload, which the exponent is otherwise added to.
TEST(Exponentials, NotANumberStaysOne) {
  for (const uint32_t bits : {0x7fc00000u, 0x7fffffffu, 0xffc00001u, 0x7fdcb8b8u}) {
    const std::vector<float> x(37, std::bit_cast<float>(bits));
    std::vector<float> out(37);
    exponentials(x.data(), 37, 0, 1, out.data());
    for (const float value : out) EXPECT_TRUE(std::isnan(value)) << std::hex << bits;
  }
}

}  // namespace
}  // namespace fourm
