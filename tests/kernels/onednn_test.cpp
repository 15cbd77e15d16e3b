#include "fourm/kernels/cpu/onednn.h"

#include "tests/support/compare.h"

namespace fourm {
namespace {

// Multiplication, bias and what follows it in one call, beside the separate operators.
TEST(Onednn, LinearWithItsEpilogueEqualsTheSeparateOperators) {
  const NoGradGuard no_grad;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    if (!onednn_has_linear(type)) GTEST_SKIP() << "not on this processor: " << at::toString(type);
    // bfloat16 has 8 significant bits; sums are float32.
    const double tolerance = type == at::kFloat ? 1e-5 : 0.03;
    const Tensor weight = test::wave({48, 32}, 0.37).to(type), bias = test::wave({48}, 0.9).to(type);
    const Tensor packed = onednn_pack(weight);
    for (const int64_t rows : {1, 5, 300}) {
      const Tensor x = test::wave({rows, 32}, 0.71).to(type), residual = test::wave({rows, 48}, 0.13).to(type);
      for (const bool with_bias : {false, true}) {
        const Tensor y =
            at::linear(x.to(at::kFloat), weight.to(at::kFloat), with_bias ? bias.to(at::kFloat) : Tensor());
        const std::optional<Tensor> b = with_bias ? std::optional(bias) : std::nullopt;
        const auto expect = [&](const Tensor& found, const Tensor& wanted, const char* what) {
          EXPECT_EQ(found.scalar_type(), type);
          EXPECT_LE(test::largest_difference(found, wanted), tolerance * (1 + wanted.abs().max().item<double>()))
              << what << ", " << rows << " rows, " << at::toString(type);
        };
        expect(onednn_linear(x, packed, b, {}), y, "none");
        expect(onednn_linear(x, packed, b, {Epilogue::kSilu, {}}), at::silu(y), "SiLU");
        expect(onednn_linear(x, packed, b, {Epilogue::kGelu, {}}), at::gelu(y), "GELU");
        expect(onednn_linear(x, packed, b, {Epilogue::kResidual, residual}), y + residual.to(at::kFloat), "residual");
        expect(onednn_linear(x, packed, b, {}, residual), y * residual.to(at::kFloat), "product");
      }
    }
  }
}

TEST(Onednn, OperatorsAreFoundByName) {
  EXPECT_NO_THROW(operator_named<Tensor(const Tensor&)>("aten::relu"));
  EXPECT_THROW(operator_named<Tensor(const Tensor&)>("aten::no_such_operator"), c10::Error);
}

}  // namespace
}  // namespace fourm
