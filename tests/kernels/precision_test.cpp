#include "fourm/kernels/precision.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/kernels/precision_scope.h"

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
    EXPECT_EQ(multiplication_type(x), at::kBFloat16);
    const PrecisionScope inner(Precision::kF32);
    EXPECT_TRUE(at::equal(at::linear(x, w), exact));
    EXPECT_EQ(multiplication_type(x), at::kFloat);
  }
  EXPECT_EQ(narrow.scalar_type(), at::kBFloat16);
  EXPECT_LT((narrow.to(at::kFloat) - exact).abs().max().item<float>(), 0.02 * exact.abs().max().item<float>());
  EXPECT_TRUE(at::equal(at::linear(x, w), exact));  // the scope has ended
  narrow.to(at::kFloat).sum().backward();
  EXPECT_EQ(w.grad().scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(w.grad(), x.sum(0).expand({3, 16}), 0.01, 0.01));
}

TEST(Precision, NamesAreChecked) {
  for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kF16, Precision::kInt8})
    EXPECT_EQ(parse_precision(precision_name(precision)), precision);
  EXPECT_THROW(parse_precision("fp16"), Error);
  EXPECT_EQ(parse_training_precision("f32"), Precision::kF32);
  EXPECT_EQ(parse_training_precision("bf16"), Precision::kBf16);
  for (const char* name : {"f16", "int8", "auto", ""}) EXPECT_THROW(parse_training_precision(name), Error) << name;
}

}  // namespace
}  // namespace fourm
