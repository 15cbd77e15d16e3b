#include <gtest/gtest.h>

#include "fourm/kernels/kernels.h"

namespace fourm {
namespace {

// More rows than a block of the kernels holds, and a part of one.
TEST(ArgmaxLinear, EveryKernelFindsTheLargestColumn) {
  const NoGradGuard no_grad;
  at::manual_seed(3);
  const Tensor x = at::randn({9001, 5}), weight = at::randn({37, 5}), bias = at::randn({37});
  for (const Compute& compute : {Compute::for_training(), Compute::for_inference(), Compute::for_reference()})
    for (const Matrix& matrix : {Matrix{weight, bias}, Matrix{weight, {}}}) {
      const Tensor values = at::linear(x, matrix.weight, matrix.bias);
      const Tensor codes = make_kernels(compute)->argmax_linear(x, matrix);
      ASSERT_EQ(codes.sizes(), at::IntArrayRef({9001}));
      EXPECT_TRUE(at::allclose(values.gather(1, codes.unsqueeze(1)).squeeze(1), values.amax(1), 0, 1e-5));
    }
}

}  // namespace
}  // namespace fourm
