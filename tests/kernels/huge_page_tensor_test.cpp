#include "fourm/kernels/cpu/huge_page_tensor.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

TEST(LastingTensor, IsZerosAtTheBeginningOfALargePage) {
  for (const int64_t n : {1, 1000, 3 << 20}) {
    const Tensor x = huge_page_tensor({n, 3}, at::kFloat);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(x.data_ptr()) % (2 << 20), 0u) << n;
    EXPECT_EQ(x.count_nonzero().item<int64_t>(), 0) << n;
    EXPECT_EQ(x.add_(1).sum(at::kDouble).item<double>(), 3.0 * static_cast<double>(n)) << "all of it can be written";
  }
  EXPECT_EQ(huge_page_tensor({2, 0}, at::kChar).numel(), 0);
}

TEST(LastingTensor, LastsAsLongAsAViewOfIt) {
  Tensor part;
  {
    const Tensor whole = huge_page_tensor({1000, 1000}, at::kInt);
    whole.fill_(7);
    part = whole[999];
  }
  EXPECT_TRUE((part == 7).all().item<bool>());
}

}  // namespace
}  // namespace fourm
