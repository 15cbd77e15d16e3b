// Every recorded case of the tokenizers within the tolerances that its README states.
#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/parity/cases.h"
#include "tests/support/fixtures.h"

namespace fourm {
namespace {

// `floor` is the size below which an expected tensor is nothing but rounding.
double relative_error(const Tensor& got, const Tensor& expected, double floor) {
  const Tensor a = got.to(at::kDouble), b = expected.to(at::kDouble);
  return (a - b).abs().max().item<double>() / std::max(floor, b.abs().max().item<double>());
}

double tolerance(const std::string& kind, const std::string& name) {
  if (name.find("grad") != std::string::npos) return 2e-4;
  if (kind == "quantizer" || kind == "schedulers" || name.find("after.") != std::string::npos ||
      name.find("loss") != std::string::npos)
    return 1e-5;
  if (name.starts_with("sample")) return 2e-4;
  return 2e-5;
}

// Square roots of LibTorch differ in the last bit between processors, so that tables of noise schedules do too (they
// are compared themselves). A single step near the clean image, where 1 - alpha_bar is small, enlarges that: what it
// adds to the error of each step "s1.p0.k24" of a case.
std::map<std::string, double> errors_of_tables(const Json& info, const std::map<std::string, Tensor>& got,
                                               const SafetensorsFile& expected) {
  std::map<std::string, double> errors;
  for (size_t s = 0; s < info["sets"].size(); ++s) {
    const std::string prefix = concat("s", s, ".");
    const Tensor table = read_tensor(expected, prefix + "alphas_cumprod").to(at::kDouble),
                 found = got.at(prefix + "alphas_cumprod").to(at::kDouble);
    for (const Json& step : info["sets"][s]["steps"]) {
      const auto t = step["t"].get<int64_t>();
      const double alpha_bar = table[t].item<double>(), difference = std::abs(found[t].item<double>() - alpha_bar);
      errors[prefix + step["key"].get<std::string>()] = difference / std::sqrt(std::max(1 - alpha_bar, 1e-12));
    }
  }
  return errors;
}

class TokenizerParity : public testing::TestWithParam<const char*> {
 protected:
  static void expect_case(const ComputeConfig& engine) {
    const fs::path folder = test::fixture_root() / "tokenizers" / GetParam();
    FOURM_NEEDS(folder / "expected.safetensors");
    std::map<std::string, Tensor> got;
    for (auto& [name, tensor] : run_tokenizer_case(folder, engine)) got[name] = tensor.detach();
    const Json info = read_json(folder / "case.json");
    const std::string kind = info["kind"];
    // A norm over one channel passes no gradient: the masks' case holds rounding noise there.
    const double floor =
        got.contains("train.grad_global_norm") ? 1e-4 * got["train.grad_global_norm"].item<double>() : 1e-12;
    const auto expected = SafetensorsFile::open(folder / "expected.safetensors");
    std::map<std::string, double> of_tables;
    if (kind == "schedulers") of_tables = errors_of_tables(info, got, expected);
    for (const auto& stored : expected.tensors()) {
      const std::string& name = stored.name;
      ASSERT_TRUE(got.contains(name)) << name;
      const Tensor want = read_tensor(expected, name);
      ASSERT_EQ(got[name].sizes(), want.sizes()) << name;
      if (want.is_floating_point()) {
        EXPECT_LE(relative_error(got[name], want, name.find("grad.") == std::string::npos ? 1e-12 : floor),
                  tolerance(kind, name) + of_tables[name.substr(0, name.rfind('.'))])
            << name;
      } else {
        EXPECT_TRUE(at::equal(got[name].to(want.scalar_type()), want)) << name;
      }
    }
  }
};

TEST_P(TokenizerParity, ReproducesTheRecordedCase) { expect_case({"fast"}); }
TEST_P(TokenizerParity, ReproducesItByPlainProducts) { expect_case({"reference"}); }

INSTANTIATE_TEST_SUITE_P(Cases, TokenizerParity,
                         testing::Values("a_vqvae_semseg", "b_vqvae_featmap", "c_divae_rgb", "c2_divae_vpred_shifted",
                                         "d_mlp_global", "d2_mlp_lucid_multihead", "e_quantizer_train",
                                         "f_vqvae_hires_nonsquare", "g_vqvae_mask_outconv", "i_schedulers"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace fourm
