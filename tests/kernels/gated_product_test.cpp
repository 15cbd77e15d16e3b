// The product of a gated MLP: values and gradients as those of autograd.
#include "fourm/kernels/aten/gated_product.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/kernels/aten/aten_kernels.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;

TEST(GatedProduct, EqualsTheOperatorsOfAutograd) {
  for (const auto type : {at::kFloat, at::kBFloat16})
    for (const auto activation : {Epilogue::kSilu, Epilogue::kGelu, Epilogue::kTanh}) {
      std::vector<Tensor> results[2];
      for (const bool fused : {false, true}) {
        const Tensor gate = wave({37, 24}, 1.7).to(type).requires_grad_(),
                     x = wave({37, 24}, 0.9).to(type).requires_grad_();
        const Tensor y = fused ? gated_product(gate, x, activation) : fourm::apply({activation, {}}, gate) * x;
        y.square().sum().backward();
        results[fused] = {y.detach(), gate.grad(), x.grad()};
      }
      for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(results[1][i].equal(results[0][i])) << activation << ", " << i;
    }
}

TEST(GatedProduct, OneSideMayBeFrozen) {
  const Tensor gate = wave({5, 8}, 1.7), x = wave({5, 8}, 0.9).requires_grad_();
  gated_product(gate, x, Epilogue::kSilu).sum().backward();
  EXPECT_TRUE(x.grad().equal(at::silu(gate)));
  EXPECT_FALSE(gate.grad().defined());
}

TEST(GatedProduct, OtherOperationsAreErrors) {
  EXPECT_THROW(gated_product(wave({5, 8}, 1.7), wave({5, 8}, 0.9), Epilogue::kResidual), Error);
}

}  // namespace
}  // namespace fourm
