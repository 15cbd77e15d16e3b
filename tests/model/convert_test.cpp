// `fourm inspect --convert --bits`: rounding to significant bits.
#include <gtest/gtest.h>
#include "fourm/core/error.h"
#include "fourm/model/inspect.h"
#include "fourm/nn/parameters.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(Convert, RoundsToSignificantBits) {
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "files";
  make_folder(folder);
  const Tensor x = at::tensor({1.0, 1.0625, -1.1, 0.3, 3.99, 1e-3, 0.0, -8192.5}, at::kFloat);
  save_tensors(folder / "in.safetensors", {{"x", x}, {"n", at::tensor({123456789}, at::kLong)}});
  convert(folder / "in.safetensors", folder / "out.safetensors", "f16", 4);
  const auto file = SafetensorsFile::open(folder / "out.safetensors");
  const Tensor y = read_tensor(file, "x").to(at::kDouble);
  // Four bits: steps of an eighth between 1 and 2, of a half between 4 and 8; halves go to even.
  EXPECT_EQ(y[0].item<double>(), 1);
  EXPECT_EQ(y[1].item<double>(), 1);
  EXPECT_EQ(y[2].item<double>(), -1.125);
  EXPECT_EQ(y[3].item<double>(), 0.3125);
  EXPECT_EQ(y[4].item<double>(), 4);
  EXPECT_NEAR(y[5].item<double>(), 1e-3, 1e-3 / 16);
  EXPECT_EQ(y[6].item<double>(), 0);
  EXPECT_EQ(y[7].item<double>(), -8192);
  EXPECT_EQ(read_tensor(file, "n").item<int64_t>(), 123456789);
}

}  // namespace
}  // namespace fourm
