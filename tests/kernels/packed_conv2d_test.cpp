// Packed convolutions against plain ones: strides, kernels, residuals, narrow arithmetic, other sizes than the first.
#include "fourm/kernels/cpu/packed_conv2d.h"

#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;

TEST(PackedConv2d, EqualsThePlainConvolution) {
  const NoGradGuard no_grad;
  for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kInt8})
    for (const int64_t kernel : {1, 3})
      for (const int64_t stride : {1, 2}) {
        const Tensor w = wave({24, 16, kernel, kernel}, 0.7) * 0.2, b = wave({24}, 1.3);
        for (const int64_t first : {8, 24}) {  // packed for few or for many pixels
          const PackedConv2d packed(w, b, stride, {precision, {}});
          packed(wave({2, 16, first, first}, 0.5));
          for (const int64_t side : {8, 12, 24}) {
            const Tensor x = wave({2, 16, side, side}, 2.1).contiguous(at::MemoryFormat::ChannelsLast);
            const Tensor y = at::conv2d(x, w, b, stride, kernel / 2), other = wave(y.sizes(), 0.3);
            const double limit = (precision == Precision::kBf16 ? 2e-2 : 2e-6) * y.abs().max().item<double>();
            EXPECT_LE(test::largest_difference(packed(x), y), limit) << precision_name(precision) << kernel << stride;
            EXPECT_LE(test::largest_difference(packed(x, other), y + other), limit);
            EXPECT_EQ(packed(x).scalar_type(), at::kFloat);
          }
        }
      }
}

TEST(PackedConv2d, AImageDoesNotDependOnOthers) {
  const NoGradGuard no_grad;
  const Tensor w = wave({16, 16, 3, 3}, 0.7), b = wave({16}, 1);
  for (const int64_t side : {20, 24}) {
    const Tensor many = wave({3, 16, side, side}, 2.1), one = many.slice(0, 1, 2);
    const PackedConv2d fresh(w, b, 1, {Precision::kF32, {}}), used(w, b, 1, {Precision::kF32, {}});
    used(wave({3, 16, 44 - side, 44 - side}, 0.5));
    EXPECT_TRUE(fresh(one).equal(used(many).slice(0, 1, 2))) << side;
  }
}

TEST(PackedConv2d, PagesAreGivenBackOnce) {
  const NoGradGuard no_grad;
  const Tensor w = wave({16, 16, 3, 3}, 0.7), x = wave({1, 16, 4, 4}, 2.1);
  int returned = 0;
  const PackedConv2d packed(w, wave({16}, 1), 1, {Precision::kF32, [&](const Tensor& t) { returned += t.is_same(w); }});
  EXPECT_EQ(returned, 0);
  packed(x);
  packed(x);
  EXPECT_EQ(returned, 1);
}

}  // namespace
}  // namespace fourm
