// Packed products against plain ones: every precision, every epilogue, stored types, rows on their own.
#include "fourm/kernels/cpu/packed_linear.h"

#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;

const Precision kAll[] = {Precision::kF32, Precision::kBf16, Precision::kInt8};

// Largest difference over the largest value.
double tolerance(Precision precision) {
  return precision == Precision::kF32 ? 2e-6 : precision == Precision::kBf16 ? 2e-2 : 3e-2;
}

TEST(PackedLinear, EpiloguesEqualPlainProducts) {
  const NoGradGuard no_grad;
  const Tensor w = wave({48, 64}, 0.7) * 0.2, b = wave({48}, 1.3), x = wave({7, 64}, 2.1), other = wave({7, 48}, 0.3);
  const Tensor y = at::linear(x, w, b);
  for (const Precision precision : kAll) {
    const PackedLinear packed(w, b, {precision, {}});
    const auto expect = [&](const Epilogue& epilogue, const Tensor& wanted) {
      const double limit = tolerance(precision) * wanted.abs().max().item<double>();
      EXPECT_LE(test::largest_difference(packed(x, epilogue), wanted), limit)
          << precision_name(precision) << " epilogue " << epilogue.kind;
    };
    expect({}, y);
    expect({Epilogue::kSilu, {}}, at::silu(y));
    expect({Epilogue::kGelu, {}}, at::gelu(y));
    expect({Epilogue::kResidual, other}, y + other);
    EXPECT_TRUE(at::equal(packed(x, {Epilogue::kTanh, {}}), at::tanh(packed(x)))) << "it is not fused";
  }
}

TEST(PackedLinear, GatesAreTheirTwoProducts) {
  const NoGradGuard no_grad;
  for (const int64_t out : {48, 45, 5, 1100}) {  // whole panels, a part of one, more than are packed at a time
    const Tensor w = wave({out, 64}, 0.7) * 0.2, v = wave({out, 64}, 0.4) * 0.3, x = wave({7, 64}, 2.1);
    for (const bool biased : {false, true}) {
      const Tensor b = biased ? wave({out}, 1.3) : Tensor(), c = biased ? wave({out}, 0.9) : Tensor();
      for (const Precision precision : kAll)
        for (const auto kind : {Epilogue::kSilu, Epilogue::kGelu}) {
          const Packing packing{precision, {}};
          const Tensor wanted = PackedLinear(w, b, packing)(x, {kind, {}}) * PackedLinear(v, c, packing)(x),
                       y = PackedLinear({w, b}, {v, c}, packing)(x, {kind, {}});
          const double limit = precision == Precision::kBf16 ? 1e-2 : 1e-7;  // bfloat16 is rounded once less
          EXPECT_LE(test::largest_difference(y, wanted), limit * wanted.abs().max().item<double>())
              << precision_name(precision) << ", " << out << " columns, epilogue " << kind;
        }
    }
  }
}

TEST(PackedLinear, NarrowWeightsAndTheirReturn) {
  const NoGradGuard no_grad;
  const Tensor w = (wave({16, 32}, 0.7) * 0.2).to(at::kBFloat16), x = wave({3, 32}, 2.1);
  int64_t returned = 0;
  const PackedLinear packed(w, {}, {Precision::kF32, [&](const Tensor& rows) { returned += rows.size(0); }});
  EXPECT_EQ(returned, 0);  // nothing is packed before it is needed
  EXPECT_LE(test::largest_difference(packed(x), at::linear(x, w.to(at::kFloat))), 1e-5);
  packed(x);
  EXPECT_EQ(returned, 16);
}

TEST(PackedLinear, Int8RowsDoNotDependOnTheirBatch) {
  const NoGradGuard no_grad;
  const Tensor w = wave({48, 64}, 0.7);
  Tensor x = wave({5, 64}, 2.1);
  const PackedLinear packed(w, {}, {Precision::kInt8, {}});
  const Tensor alone = packed(x.slice(0, 1, 2));
  x[3].mul_(1000);  // a loud neighbour
  x[4].zero_();
  const Tensor together = packed(x);
  EXPECT_TRUE(at::equal(together.slice(0, 1, 2), alone));
  EXPECT_EQ(together[4].abs().max().item<double>(), 0);
}

TEST(PackedLinear, Int8SumsDoNotSaturate) {
  const NoGradGuard no_grad;
  const Tensor w = at::ones({16, 64}), x = at::ones({2, 64});  // every product is the largest there is
  const PackedLinear packed(w, {}, {Precision::kInt8, {}});
  EXPECT_LE(test::largest_difference(packed(x), at::full({2, 16}, 64.0f)), 1e-3);
}

TEST(PackedLinear, NumbersThatAreNotFiniteStayVisible) {
  const NoGradGuard no_grad;
  Tensor x = wave({1, 64}, 2.1);
  x[0][5] = NAN;
  for (const Precision precision : kAll) {
    EXPECT_FALSE(at::isfinite(PackedLinear(wave({48, 64}, 0.7), {}, {precision, {}})(x)).any().item<bool>());
  }
}

}  // namespace
}  // namespace fourm
