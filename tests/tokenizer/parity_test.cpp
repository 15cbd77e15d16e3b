// Every recorded case of the tokenizers within the tolerances that its README states.
#include <gtest/gtest.h>

#include "fourm/core/json.h"
#include "fourm/tokenizer/tokenizer_case.h"
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

class TokenizerParity : public testing::TestWithParam<const char*> {
 protected:
  static void expect_case(std::optional<Precision> pack_for) {
    const fs::path folder = test::fixture_root() / "tokenizers" / GetParam();
    FOURM_NEEDS(folder / "expected.safetensors");
    std::map<std::string, Tensor> got;
    for (auto& [name, tensor] : run_tokenizer_case(folder, pack_for)) got[name] = tensor.detach();
    const std::string kind = read_json(folder / "case.json")["kind"];
    // A norm over one channel passes no gradient: the masks' case holds rounding noise there.
    const double floor =
        got.contains("train.grad_global_norm") ? 1e-4 * got["train.grad_global_norm"].item<double>() : 1e-12;
    const auto expected = SafetensorsFile::open(folder / "expected.safetensors");
    for (const auto& stored : expected.tensors()) {
      const std::string& name = stored.name;
      ASSERT_TRUE(got.contains(name)) << name;
      const Tensor want = read_tensor(expected, name);
      ASSERT_EQ(got[name].sizes(), want.sizes()) << name;
      if (want.is_floating_point()) {
        EXPECT_LE(relative_error(got[name], want, name.find("grad.") == std::string::npos ? 1e-12 : floor),
                  tolerance(kind, name))
            << name;
      } else {
        EXPECT_TRUE(at::equal(got[name].to(want.scalar_type()), want)) << name;
      }
    }
  }
};

TEST_P(TokenizerParity, ReproducesTheRecordedCase) { expect_case(Precision::kF32); }
TEST_P(TokenizerParity, ReproducesItByPlainProducts) { expect_case({}); }

INSTANTIATE_TEST_SUITE_P(Cases, TokenizerParity,
                         testing::Values("a_vqvae_semseg", "b_vqvae_featmap", "c_divae_rgb", "c2_divae_vpred_shifted",
                                         "d_mlp_global", "d2_mlp_lucid_multihead", "e_quantizer_train",
                                         "f_vqvae_hires_nonsquare", "g_vqvae_mask_outconv", "i_schedulers"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace fourm
