// Gradients of the Transformer, tensor by tensor, against those of the original (forward_gradients.py writes them).
#include <algorithm>

#include "fourm/core/strings.h"
#include "fourm/parity/cases.h"
#include "tests/support/compare.h"
#include "tests/support/fixtures.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

class GradientCase : public testing::TestWithParam<const char*> {};

TEST_P(GradientCase, EveryParameterHasTheGradientOfTheOriginal) {
  const fs::path folder = test::fixture_root() / "transformer" / GetParam();
  FOURM_NEEDS(folder / "model.safetensors");
  const auto expected = test::read_all(fs::path(FOURM_SOURCE_DIR) / "tests" / "parity" / "gradients" /
                                       concat(GetParam(), ".safetensors"));
  std::vector<Tensor> compared;
  // The original lists a shared parameter under one of its names.
  const auto is_compared = [&](const Tensor& gradient) {
    return std::any_of(compared.begin(), compared.end(), [&](const Tensor& other) { return other.is_same(gradient); });
  };
  auto found = test::to_map(run_forward_gradients(folder));
  for (const auto& [name, want] : expected) {
    if (name.starts_with("rows.") || name.starts_with("norm.") || name.starts_with("noise.")) continue;
    ASSERT_TRUE(found.contains(name)) << name;
    const Tensor gradient = found.at(name);
    found.erase(name);
    compared.push_back(gradient);
    // 4 x the distance of the original's gradient to its float64 run, at least the noise of float32.
    const double length = expected.at("norm." + name).item<double>();
    const double tolerance = 4 * expected.at("noise." + name).item<double>() + 1e-6 * length;
    const auto rows = expected.find("rows." + name);
    test::expect_close(name, rows == expected.end() ? gradient : gradient.index_select(0, rows->second), want,
                       tolerance);
    EXPECT_NEAR(gradient.norm().item<double>(), length, 1e-3 * length + tolerance) << name;
  }
  for (const auto& [name, gradient] : found)
    EXPECT_TRUE(gradient.count_nonzero().item<int64_t>() == 0 || is_compared(gradient))
        << name << " has no gradient in the original";
}

INSTANTIATE_TEST_SUITE_P(Cases, GradientCase,
                         testing::Values("forward_21", "variant_gelu_bias", "variant_qknorm_registers"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace fourm
