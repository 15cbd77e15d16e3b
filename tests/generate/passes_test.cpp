#include "fourm/generate/passes.h"

#include <cmath>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"

namespace fourm {
namespace {

using Names = std::vector<std::string>;

TEST(Passes, WithoutGuidanceThereIsOneThatSeesEverything) {
  for (const Guidance& guidance : {Guidance{}, Guidance{{"rgb"}, 1, {}}, Guidance{{}, 3, {}}}) {
    const auto passes = passes_of(guidance);
    ASSERT_EQ(passes.size(), 1u);
    EXPECT_TRUE(passes[0].emptied.empty() && passes[0].absent.empty());
  }
}

TEST(Passes, AScaleComparesEverythingWithEmptiedConditions) {
  const auto passes = passes_of({{"rgb", "caption"}, 2.5, {}});
  ASSERT_EQ(passes.size(), 2u);
  EXPECT_TRUE(passes[0].emptied.empty());
  EXPECT_EQ(passes[0].weight, 2.5);
  EXPECT_EQ(passes[1].emptied, (Names{"rgb", "caption"}));
  EXPECT_TRUE(passes[0].absent.empty() && passes[1].absent.empty());
}

TEST(Passes, ATermSeesItsOwnConditionsAndTheBaseNone) {
  const auto passes = passes_of({{}, 1, {{{"rgb"}, 2}, {{"caption", "det"}, -1}}});
  ASSERT_EQ(passes.size(), 3u);
  EXPECT_EQ(passes[0].absent, (Names{"caption", "det"}));
  EXPECT_EQ(passes[0].weight, 2);
  EXPECT_EQ(passes[1].absent, (Names{"rgb"}));
  EXPECT_EQ(passes[1].weight, -1);
  EXPECT_EQ(passes[2].absent, (Names{"rgb", "caption", "det"}));
  for (const Pass& pass : passes) EXPECT_TRUE(pass.emptied.empty());
}

TEST(Passes, LogitsAreTheBasePlusTheWeightedDifferences) {
  const NoGradGuard no_grad;
  const Tensor logits = test::wave({3 * 4, 50}, 0.7);
  const auto parts = split_passes(logits, 3);
  ASSERT_EQ(parts.size(), 3u);
  const std::vector<Pass> passes{{{}, {}, 2}, {{}, {}, -0.5}, {}};
  const Tensor wanted = parts[2] + 2 * (parts[0] - parts[2]) - 0.5 * (parts[1] - parts[2]);
  EXPECT_LE(test::largest_difference(combine(parts, passes, "depth"), wanted), 1e-6);
  EXPECT_TRUE(at::equal(combine({parts[1]}, {{}}, "depth"), parts[1]));
  // Weight 1 is the pass itself, weight 0 the base.
  EXPECT_LE(test::largest_difference(combine({parts[0], parts[2]}, {{{}, {}, 1}, {}}, "depth"), parts[0]), 1e-6);
  EXPECT_TRUE(at::equal(combine({parts[0], parts[2]}, {{{}, {}, 0}, {}}, "depth"), parts[2]));
}

TEST(Passes, LogitsThatAreNotFiniteNameTheTarget) {
  const NoGradGuard no_grad;
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    for (const bool guided : {false, true}) {
      Tensor logits = at::zeros({2, 5});
      logits[1][4] = bad;
      const std::vector<Tensor> all =
          guided ? std::vector<Tensor>{at::zeros({2, 5}), logits} : std::vector<Tensor>{logits};
      EXPECT_NE(test::message_of([&] {
                  combine(all, std::vector<Pass>(all.size()), "tok_depth");
                }).find("the logits of 'tok_depth' are not finite"),
                std::string::npos)
          << bad;
    }
}

// What the encoder reads: known slots in order; an emptied text keeps one [S_1], a grid nothing, vectors one zero.
TEST(Passes, InputsHoldWhatEachPassSees) {
  ModalityTable table;
  table.extend(R"(
modalities:
  grid: {kind: tokens, vocab_size: 11, image_size: 4, patch_size: 2}
  words: {kind: sequence, vocab_size: 40, max_tokens: 12}
  vectors: {kind: embeddings, width: 3, max_tokens: 4}
)",
               "the test's table");
  ModelConfig config;
  config.domains_in = {"grid", "words", "vectors"};
  config.domains_out = {"grid"};
  config.dim = 8;
  config.encoder_depth = config.decoder_depth = 1;
  config.num_heads = 2;
  const FourM model = create_model(config, table, 1);
  Canvas canvas;
  canvas.add_grid("grid", {7, 8, 9, 10}, {false, true, false, true});
  canvas.add_text("words", {20, 21, 3}, {});
  ModalityData vectors;
  vectors.width = 3;
  vectors.values = {1, 2, 3, 4, 5, 6};
  canvas.add_known("vectors", vectors);
  canvas.add_grid("unread", 4);
  const Names all{"grid", "words", "vectors"};
  const auto rows = [&](const Pass& pass) { return pack_inputs(model, {&canvas}, {pass}, {}).lengths; };
  EXPECT_EQ(rows({}), (std::vector<int64_t>{2 + 3 + 2})) << "what the model does not read is left out";
  EXPECT_EQ(rows({all, {}, 1}), (std::vector<int64_t>{0 + 1 + 1}));
  EXPECT_EQ(rows({{}, all, 1}), (std::vector<int64_t>{0}));
  EXPECT_EQ(rows({{"words"}, {"grid"}, 1}), (std::vector<int64_t>{0 + 1 + 2}));
  EXPECT_EQ(pack_inputs(model, {&canvas, &canvas}, {{}, {all, {}, 1}}, {}).lengths, (std::vector<int64_t>{7, 7, 2, 2}))
      << "all canvases of a pass, then the next pass";

  const auto same = [&](const Canvas& other, const Pass& pass = {}) { return same_inputs(model, canvas, other, pass); };
  EXPECT_TRUE(same(canvas));
  Canvas other = canvas;
  other.at("unread").data.ids[0] = 1;
  other.at("grid").data.ids[0] = 1;
  EXPECT_TRUE(same(other)) << "what is not read or not known does not count";
  other.at("grid").data.ids[1] = 1;
  EXPECT_FALSE(same(other));
  EXPECT_TRUE(same(other, {{"grid"}, {}, 1}));
  EXPECT_TRUE(same(other, {{}, {"grid"}, 1}));
  other = canvas;
  other.at("grid").known[0] = true;
  EXPECT_FALSE(same(other));
  other = canvas;
  other.at("vectors").data.values[5] = 7;
  EXPECT_FALSE(same(other));
  other = canvas;
  other.at("words").data.ids[1] = 30;
  EXPECT_FALSE(same(other));
  EXPECT_TRUE(same(other, {{"words"}, {}, 1}));
  other.entries.pop_back();
  EXPECT_TRUE(same(other, {{"words"}, {}, 1})) << "the last entry is not read";
  other.entries.pop_back();
  EXPECT_FALSE(same(other, {{"words"}, {}, 1}));
}

}  // namespace
}  // namespace fourm
