// Tensors in memory that the process keeps.
#include "cli/tensor_memory.h"

#include "tests/support/compare.h"

namespace fourm {
namespace {

TEST(TensorMemory, ServesOperatorsAndTakesItBack) {
  const NoGradGuard no_grad;
  const Tensor before = test::wave({300, 300}, 0.7);  // from the memory before
  keep_freed_memory();
  const void* first = nullptr;
  {
    const Tensor x = at::empty({1000, 1000});
    first = x.data_ptr();
  }
  const Tensor again = at::empty({1000, 1000});
  EXPECT_EQ(again.data_ptr(), first);
  EXPECT_TRUE(at::equal(at::matmul(before, before), at::matmul(before.clone(), before.clone())));
  Tensor grown = before.clone();
  grown.resize_({600, 300});
  EXPECT_TRUE(at::equal(grown.slice(0, 0, 300), before));
  EXPECT_EQ(at::empty({0, 5}).numel(), 0);
  // oneDNN's scratch comes by another way than tensors.
  const Tensor image = test::wave({1, 64, 60, 60}, 0.3), kernel = test::wave({32, 64, 3, 3}, 0.9);
  const Tensor y = at::conv2d(image, kernel);
  EXPECT_LE(test::largest_difference(y, at::conv2d(image.to(at::kDouble), kernel.to(at::kDouble))), 1e-3);
  release_freed_memory();
  EXPECT_TRUE(at::equal(at::conv2d(image, kernel), y));
}

}  // namespace
}  // namespace fourm
