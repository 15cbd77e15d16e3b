#include "fourm/kernels/precision.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/nn/parameters.h"

namespace fourm {
namespace {

TEST(Precision, NarrowsProductsOnly) {
  const Tensor x = at::arange(64, at::kFloat).view({4, 16}) / 64;
  const Tensor w = (at::arange(48, at::kFloat).view({3, 16}) / 48).requires_grad_();
  const Tensor exact = at::linear(x, w);
  Tensor narrow;
  {
    const PrecisionScope outer(Precision::kBf16);
    narrow = at::linear(x, w);
    const PrecisionScope inner(Precision::kF32);
    EXPECT_TRUE(at::equal(at::linear(x, w), exact));
  }
  EXPECT_EQ(narrow.scalar_type(), at::kBFloat16);
  EXPECT_LT((narrow.to(at::kFloat) - exact).abs().max().item<float>(), 0.02 * exact.abs().max().item<float>());
  EXPECT_TRUE(at::equal(at::linear(x, w), exact));  // the scope has ended
  narrow.to(at::kFloat).sum().backward();
  EXPECT_EQ(w.grad().scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(w.grad(), x.sum(0).expand({3, 16}), 0.01, 0.01));
}

TEST(Precision, NamesAreChecked) {
  EXPECT_EQ(parse_precision("f32"), Precision::kF32);
  EXPECT_EQ(parse_precision("bf16"), Precision::kBf16);
  EXPECT_THROW(parse_precision("fp16"), Error);
  EXPECT_EQ(parse_dtype("f32"), at::kFloat);
  EXPECT_EQ(parse_dtype("f16"), at::kHalf);
  EXPECT_EQ(parse_dtype("bf16"), at::kBFloat16);
  EXPECT_THROW(parse_dtype("float"), Error);
}

}  // namespace
}  // namespace fourm
