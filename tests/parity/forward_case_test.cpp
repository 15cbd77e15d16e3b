// Official checkpoints give the original's tensors (fixtures: transformer/forward_*, variant_*).
#include "fourm/parity/cases.h"

#include <cfloat>
#include <cmath>

#include "fourm/core/json.h"
#include "tests/support/compare.h"
#include "tests/support/fixtures.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

// 4 x the measured distance of the stored values to a float64 run (fixtures README), at least float32 noise.
double tolerance(const Json& noise, const std::string& name, const Tensor& wanted) {
  const std::string quantity = name.substr(0, name.find('.'));
  double measured = noise.value(quantity, 1e-5);
  // One number may happen to be stored with less error than the spacing of float32 there; nobody can rely on that.
  if (wanted.numel() == 1) measured = std::max(measured, std::abs(wanted.item<double>()) * FLT_EPSILON / 2);
  return 4 * measured + 1e-6;
}

void expect_case(const std::string& name, const std::string& file, const std::string& prefix,
                 const ComputeConfig& engine) {
  const fs::path folder = test::fixture_root() / "transformer" / name;
  FOURM_NEEDS(folder / file);
  const Json info = read_json(folder / "case.json");
  const Json noise = info["fp32_vs_fp64_max_abs"];
  const auto found = test::to_map(run_forward_case(folder, engine));
  const auto expected = test::read_all(folder / file);
  ASSERT_FALSE(expected.empty());
  for (const auto& [key, wanted] : expected) {
    ASSERT_TRUE(found.contains(prefix + key)) << key;
    Tensor value = found.at(prefix + key), want = wanted;
    if (!want.is_floating_point()) {
      if (key == "target_ids") {  // padding may hold anything
        const Tensor visible = expected.at("decoder_mask").squeeze(1).logical_not();
        value = value.masked_select(visible), want = want.masked_select(visible);
      }
      test::expect_equal(key, value, want);
      continue;
    }
    const bool encoder = key.starts_with("encoder_") || key == "context", decoder = key.starts_with("decoder_");
    if (encoder || decoder) {
      const Tensor visible =
          expected.at(encoder ? "encoder_mask" : "decoder_mask").squeeze(1).logical_not().unsqueeze(-1);
      ASSERT_EQ(value.sizes(), want.sizes()) << key;
      value = value.masked_select(visible), want = want.masked_select(visible);
    }
    test::expect_close(key, value, want, tolerance(noise, key, want));
  }
}

void expect_case(const std::string& name, const std::string& file, const std::string& prefix) {
  for (const char* engine : {"fast", "reference"}) {
    SCOPED_TRACE(engine);
    expect_case(name, file, prefix, {engine, "f32"});
  }
}

TEST(ForwardCase, Forward7) { expect_case("forward_7", "expected.safetensors", ""); }
TEST(ForwardCase, Forward7Truncated) { expect_case("forward_7", "expected_trunc.safetensors", "trunc."); }
TEST(ForwardCase, Forward21) { expect_case("forward_21", "expected.safetensors", ""); }
TEST(ForwardCase, GeluWithBiases) { expect_case("variant_gelu_bias", "expected.safetensors", ""); }
TEST(ForwardCase, QkNormAndRegisters) { expect_case("variant_qknorm_registers", "expected.safetensors", ""); }

}  // namespace
}  // namespace fourm
