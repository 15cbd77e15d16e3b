// Generation on the device gives the tokens that it gives on the CPU.
#include "fourm/generate/generator.h"

#include "fourm/core/error.h"
#include "fourm/generate/sampler.h"
#include "tests/support/compare.h"
#include "tests/support/fake_device.h"
#include "tests/support/message_of.h"
#include "tests/support/small_plan.h"
#include "tests/support/small_transformer.h"

namespace fourm {
namespace {

using test::fake_device;
using test::take_counts;

class DeviceGeneration : public testing::Test {
 protected:
  DeviceGeneration() { ids_.sentinels = {4, 10}; }

  static FourM make_model(const Compute& compute) {
    SeedSource source(5, at::kFloat, compute);
    FourM model(test::small_transformer(), test::small_table(), source, /*tie_heads=*/true);
    // Fresh weights give nearly equal logits: make them differ.
    for (const auto& entry : model.parameters().entries())
      if (entry.is_parameter && entry.value.dim() > 1) Tensor(entry.value).mul_(1.4);
    return model;
  }

  Canvas canvas(uint64_t key, float tone) const {
    Canvas c;
    c.key = key;
    ModalityData pixels;
    pixels.width = 48;
    for (int i = 0; i < 16 * 48; ++i) pixels.values.push_back(tone * static_cast<float>((i * 7) % 5 - 2));
    c.add_known("pixels", pixels);
    std::vector<int64_t> known_ids(16, 3);
    std::vector<bool> known(16, false);
    known[2] = known[9] = key % 2 == 0;  // in-painting
    c.add_grid("a", known_ids, known);
    c.add_grid("b", 16);
    c.add_empty_text("words", 12, ids_);
    return c;
  }

  static std::vector<Step> steps(double temperature, double guidance) {
    const ModalityTable table = test::small_table();
    const ModelConfig config = test::small_transformer();
    return expand(test::small_plan(temperature, guidance),
                  [&](const std::string& name) { return config.modality(name, table); });
  }

  // All tokens of three canvases.
  std::vector<int64_t> run(const Compute& compute, std::vector<Step> plan, const Filter& filter = {},
                           bool draw = true) const {
    for (Step& step : plan) step.filter = filter;
    const FourM model = make_model(compute);
    std::vector<Canvas> canvases{canvas(1, -0.2f), canvas(2, 0.9f), canvas(3, 0.4f)};
    GenerateOptions options;
    options.seed = 4;
    options.draw = draw;
    options.sequence_ids = ids_;
    EXPECT_TRUE(generate(model, plan, canvases, options));
    std::vector<int64_t> all;
    for (const Canvas& c : canvases)
      for (const auto& entry : c.entries) all.insert(all.end(), entry.data.ids.begin(), entry.data.ids.end());
    return all;
  }

  void expect_same_tokens(const std::vector<Step>& plan, const Filter& filter = {}, bool draw = true) const {
    const auto expected = run(Compute::for_inference(), plan, filter, draw);
    EXPECT_EQ(run(Compute::for_inference(Precision::kF32, fake_device()), plan, filter, draw), expected);
    EXPECT_EQ(run(Compute::for_reference(fake_device()), plan, filter, draw), expected);
  }

  SequenceIds ids_;
};

TEST_F(DeviceGeneration, WithoutGuidance) { expect_same_tokens(steps(1, 1)); }
TEST_F(DeviceGeneration, WithGuidance) { expect_same_tokens(steps(1, 2)); }
TEST_F(DeviceGeneration, AtLowTemperature) { expect_same_tokens(steps(0.3, 2)); }
TEST_F(DeviceGeneration, TheMostLikelyTokens) {
  expect_same_tokens(steps(0, 2));
  expect_same_tokens(steps(1, 2), {}, /*draw=*/false);
}
TEST_F(DeviceGeneration, OfTheKBest) {
  expect_same_tokens(steps(1, 2), {.top_k = 5});
  expect_same_tokens(steps(1, 2), {.top_k_share = 0.25});
}
TEST_F(DeviceGeneration, OfTheMostLikely) { expect_same_tokens(steps(1, 2), {.top_p = 0.7}); }
TEST_F(DeviceGeneration, WithBothFilters) { expect_same_tokens(steps(1, 2), {.top_k = 9, .top_p = 0.8}); }

TEST_F(DeviceGeneration, WithWeightedGuidance) {
  std::vector<Step> plan;
  for (const Scheme scheme : {Scheme::kMaskGit, Scheme::kRoar}) {
    Step step{.target = scheme == Scheme::kRoar ? "b" : "a", .scheme = scheme, .tokens = 16, .tokens_total = 16};
    step.guidance.terms = {{{"pixels"}, 1.5}, {{"words"}, 0.5}};
    plan.push_back(step);
  }
  expect_same_tokens(plan);
}

TEST_F(DeviceGeneration, InNarrowTypes) {
  for (const auto precision : {Precision::kBf16, Precision::kF16})
    for (const int64_t token : run(Compute::for_inference(precision, fake_device()), steps(1, 2))) {
      EXPECT_GE(token, 0);
      EXPECT_LT(token, 40);
    }
}

// The host reads whether logits are finite, and the tokens: of a grid for each canvas, of a sequence for all of them.
TEST_F(DeviceGeneration, LogitsStayOnTheDevice) {
  const FourM model = make_model(Compute::for_inference(Precision::kF32, fake_device()));
  std::vector<Canvas> canvases{canvas(1, -0.2f), canvas(3, 0.4f)};
  GenerateOptions options;
  options.sequence_ids = ids_;
  std::vector<test::DeviceCounts> counts;
  options.on_step = [&](const StepReport&) {
    counts.push_back(take_counts());
    return true;
  };
  const auto plan = steps(1, 2);
  take_counts();
  EXPECT_TRUE(generate(model, plan, canvases, options));
  for (size_t i = 1; i < counts.size(); ++i) {
    constexpr int64_t kBatch = 3, kCanvases = 2, kTokens = 11;  // uploads of a batch: a type of numbers each
    const bool sequence = plan[i].scheme == Scheme::kAutoregressive;
    EXPECT_LE(counts[i].reads(), sequence ? 2 * kTokens : 1 + kCanvases) << i;
    // The seeds of the draws follow. Of a sequence each token is a batch, without numbers of a third type.
    EXPECT_LE(counts[i].uploads, sequence ? kBatch + kTokens * (2 + 1) : 2 * kBatch + kCanvases) << i;
  }
}

TEST_F(DeviceGeneration, LogitsThatAreNotFiniteAreRefused) {
  const FourM model = make_model(Compute::for_inference(Precision::kF32, fake_device()));
  Tensor(model.parameters().find("decoder_norm.weight")).fill_(NAN);
  std::vector<Canvas> canvases{canvas(1, 1)};
  GenerateOptions options;
  options.sequence_ids = ids_;
  EXPECT_NE(test::message_of([&] { generate(model, steps(1, 1), canvases, options); }).find("not finite"),
            std::string::npos);
}

// Each draw alone: rows of logits with ties, and all filters.
TEST(DeviceSampler, DrawsTheTokensOfTheCpu) {
  constexpr int64_t kRows = 64, kVocabulary = 300;
  Tensor logits = test::wave({kRows, kVocabulary}, 1.7) * 4;
  logits.slice(1, 0, 40).copy_(logits.slice(1, 40, 80));  // ties
  std::vector<Random> random;
  for (uint64_t i = 0; i < kRows; ++i) random.emplace_back(7, std::initializer_list<uint64_t>{i});
  for (const Filter& filter : {Filter{}, Filter{.top_k = 1}, Filter{.top_k = 17}, Filter{.top_k_share = 0.1},
                               Filter{.top_p = 0.01}, Filter{.top_p = 0.6}, Filter{.top_k = 30, .top_p = 0.9}})
    for (const double temperature : {0.0, 0.2, 1.0, 3.0})
      for (const bool draw : {true, false}) {
        const auto streams = draw ? random : std::vector<Random>();
        const auto expected = draw_tokens(logits, temperature, filter, streams);
        const auto found = draw_tokens(logits.to(fake_device()), temperature, filter, streams);
        ASSERT_EQ(found.size(), expected.size());
        for (size_t i = 0; i < found.size(); ++i) {
          EXPECT_EQ(found[i].token, expected[i].token)
              << "row " << i << ", top_k " << filter.top_k << ", top_p " << filter.top_p;
          EXPECT_NEAR(found[i].confidence, expected[i].confidence, 1e-5);
        }
      }
}

}  // namespace
}  // namespace fourm
