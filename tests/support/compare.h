// Computed tensors against expected ones.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "fourm/core/tensor.h"

namespace fourm::test {

/// float32 numbers from -1 to 1 that a faster or slower sine passes through.
inline Tensor wave(at::IntArrayRef shape, double pace) {
  int64_t n = 1;
  for (const int64_t extent : shape) n *= extent;
  return at::sin(at::arange(n, at::kDouble) * pace).to(at::kFloat).view(shape);
}

/// Largest |a - b|; infinite when shapes differ or something is not finite.
inline double largest_difference(const Tensor& a, const Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  if (a.numel() == 0) return 0;
  const double d = (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
  return std::isfinite(d) ? d : INFINITY;
}

inline void expect_equal(const std::string& name, const Tensor& found, const Tensor& expected) {
  ASSERT_TRUE(found.defined()) << name << " was not computed";
  ASSERT_EQ(found.sizes(), expected.sizes()) << name;
  EXPECT_TRUE(at::equal(found.to(at::kLong), expected.to(at::kLong))) << name;
}

inline void expect_close(const std::string& name, const Tensor& found, const Tensor& expected, double tolerance) {
  ASSERT_TRUE(found.defined()) << name << " was not computed";
  ASSERT_EQ(found.sizes(), expected.sizes()) << name;
  EXPECT_LE(largest_difference(found, expected), tolerance) << name;
}

}  // namespace fourm::test
