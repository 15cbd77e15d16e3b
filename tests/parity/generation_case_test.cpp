// Greedy generations equal the original's, run by run (fixtures: transformer/generate_greedy_7 and tests/fixtures/generation).
#include "fourm/parity/cases.h"

#include "fourm/core/json.h"
#include "tests/support/compare.h"
#include "tests/support/fixtures.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

std::map<int64_t, int64_t> token_at_slot(const Tensor& slots, const Tensor& tokens, int64_t row) {
  std::map<int64_t, int64_t> result;
  for (int64_t i = 0; i < slots.size(1); ++i) result[slots[row][i].item<int64_t>()] = tokens[row][i].item<int64_t>();
  return result;
}

double confidence_of(const test::TensorMap& all, const std::string& step, int64_t row, int64_t slot) {
  const Tensor& slots = all.at(step + ".positions");
  for (int64_t i = 0; i < slots.size(1); ++i)
    if (slots[row][i].item<int64_t>() == slot) return all.at(step + ".conf")[row][i].item<double>();
  return NAN;
}

void expect_texts(const Tensor& found, const Tensor& expected, int64_t stop) {
  ASSERT_EQ(found.size(0), expected.size(0));
  ASSERT_GE(found.size(1), 1);
  for (int64_t b = 0; b < expected.size(0); ++b)
    for (int64_t i = 0; i < expected.size(1); ++i) {
      ASSERT_LT(i, found.size(1));
      EXPECT_EQ(found[b][i].item<int64_t>(), expected[b][i].item<int64_t>()) << "row " << b << " token " << i;
      if (expected[b][i].item<int64_t>() == stop) break;
    }
}

fs::path greedy_7() { return test::fixture_root() / "transformer" / "generate_greedy_7"; }
const fs::path kGuidedCaptions = fs::path(FOURM_SOURCE_DIR) / "tests" / "fixtures" / "generation" / "guided_captions";

void expect_gated_runs(const fs::path& folder, int runs, const ComputeConfig& engine) {
  FOURM_NEEDS(folder / "expected.safetensors");
  const Json info = read_json(folder / "case.json");
  FOURM_NEEDS(folder / info["model_dir"].get<std::string>() / "model.safetensors");
  const auto found = test::to_map(run_generation_case(folder, engine));
  const auto expected = test::read_all(folder / "expected.safetensors");
  int gated = 0;
  for (const auto& [name, run] : info["runs"].items()) {
    if (!run["gate"].get<bool>()) continue;
    ++gated;
    SCOPED_TRACE(name);
    const Json noise = run.value("fp32_vs_fp64", Json::object());
    const auto limit = [&](const char* key, double least) {
      return 4 * (noise.contains(key) && noise[key].is_number() ? noise[key].get<double>() : 0.0) + least;
    };
    const double logits = limit("step0_logits_max_abs", 2.5e-4), confidence = limit("conf_max_abs", 1e-6);
    for (const auto& [key, want] : expected) {
      if (!key.starts_with(name + ".") || key.ends_with("_mask")) continue;
      ASSERT_TRUE(found.contains(key)) << key;
      const Tensor& value = found.at(key);
      if (key.ends_with(".tokens")) {
        const std::string step = key.substr(0, key.size() - 7);
        for (int64_t b = 0; b < want.size(0); ++b)
          EXPECT_EQ(token_at_slot(found.at(step + ".positions"), value, b),
                    token_at_slot(expected.at(step + ".positions"), want, b))
              << key;
      } else if (key.ends_with(".conf")) {
        const std::string step = key.substr(0, key.size() - 5);
        if (name.starts_with("roar") || name.find("topk1") != std::string::npos) continue;
        const Tensor& slots = expected.at(step + ".positions");
        for (int64_t b = 0; b < want.size(0); ++b)
          for (int64_t i = 0; i < want.size(1); ++i)
            EXPECT_NEAR(confidence_of(found, step, b, slots[b][i].item<int64_t>()), want[b][i].item<double>(),
                        confidence)
                << key;
      } else if (key.ends_with("ar_argmax_per_step")) {
        if (want.size(0) == 1)
          test::expect_equal(key, value, want);
        else
          expect_texts(value, want, 6);
      } else if (key.find(".final.") != std::string::npos || !want.is_floating_point()) {
        if (!key.ends_with(".positions") || key.find(".pass") != std::string::npos)
          test::expect_equal(key, value, want);
      } else {
        test::expect_close(key, value, want, logits);
      }
    }
  }
  EXPECT_EQ(gated, runs);
}

TEST(GenerationCase, GatedRunsEqualTheOriginal) { expect_gated_runs(greedy_7(), 17, {"fast", "f32"}); }
TEST(GenerationCase, GatedRunsEqualTheOriginalOnTheReferenceEngine) {
  expect_gated_runs(greedy_7(), 17, {"reference", "f32"});
}
TEST(GenerationCase, SeveralCaptionsWithWeightsEqualTheOriginal) {
  for (const char* engine : {"fast", "reference"}) expect_gated_runs(kGuidedCaptions, 3, {engine, "f32"});
}

}  // namespace
}  // namespace fourm
