#include "fourm/nn/unit_rows.h"

#include "tests/support/compare.h"

namespace fourm {
namespace {

TEST(UnitRows, RowsKeepTheirDirectionAndZerosStayZero) {
  const Tensor x = at::tensor({3.0f, 4.0f, 0.0f, 0.0f, 0.0f, -2.0f}).view({3, 2});
  const Tensor expected = at::tensor({0.6f, 0.8f, 0.0f, 0.0f, 0.0f, -1.0f}).view({3, 2});
  EXPECT_LE(test::largest_difference(unit_rows(x), expected), 1e-7);
  EXPECT_LE(test::largest_difference(unit_rows(x * 1e6), expected), 1e-7);
}

}  // namespace
}  // namespace fourm
