// How much of its budgets the original leaves unused in the mixture of its 21-modality recipe, and how much is unused
// here. docs/training.md shows the table that this prints.
#include <gtest/gtest.h>

#include <cstdio>
#include <numeric>

#include "fourm/core/config.h"
#include "fourm/data/budget.h"
#include "fourm/data/masking.h"

namespace fourm {
namespace {

constexpr SentinelRange kWideSentinels{4, 200};
constexpr int64_t kBudget = 256;
constexpr double kDraws = 1000;

const std::vector<std::string> kWritten{"tok_rgb@224",
                                        "tok_depth@224",
                                        "tok_normal@224",
                                        "tok_semseg@224",
                                        "tok_clip@224",
                                        "tok_canny_edge@224",
                                        "tok_sam_edge@224",
                                        "tok_dinov2@224",
                                        "tok_imagebind@224",
                                        "tok_dinov2_global",
                                        "tok_imagebind_global",
                                        "caption",
                                        "det",
                                        "metadata",
                                        "human_poses",
                                        "color_palette",
                                        "sam_instance"};

std::vector<std::string> read_modalities() {
  std::vector<std::string> names = kWritten;
  names.insert(names.end(), {"rgb@224", "t5_caption"});
  return names;
}

struct Component {
  const char* name;
  const char* yaml;
  double filled;  // of the input budget, after clamping, as measured with the original (400 draws)
};

// Those of configs/pretrain/4m-b_mod21_500b.yaml.
const std::vector<Component> kMixture{
    {"all to all, alpha 0.01", "{input_others: 0.01, target_others: 0.01, keep: {color_palette: binary}}", 0.72},
    {"all to all, alpha 0.1", "{input_others: 0.1, target_others: 0.1, keep: {color_palette: binary}}", 0.85},
    {"all to all, alpha 1", "{input_others: 1, target_others: 1, keep: {color_palette: binary}}", 0.96},
    {"all to all, alpha 10", "{input_others: 10, target_others: 10, keep: {color_palette: binary}}", 0.99},
    {"pixels to all", "{input: {rgb@224: 1000}, target_others: 0.5, keep: {color_palette: binary}}", 0.77},
    {"caption-biased",
     "{input: {caption: 5, t5_caption: 0}, input_others: 0.05, target: {caption: 0}, target_others: 0.5, keep: "
     "{caption: "
     "all, color_palette: binary}}",
     0.99},
    {"T5-biased",
     "{input: {t5_caption: 5, caption: 0}, input_others: 0.05, target_others: 0.5, keep: {t5_caption: all, "
     "color_palette: "
     "binary}}",
     0.44}};

// All of it there, every text as long as it may be.
TokenSample full_sample() {
  const ModalityTable table = ModalityTable::official();
  TokenSample sample;
  for (const auto& name : read_modalities()) {
    ModalityData& data = sample[name];
    const int64_t length = table.at(name).max_tokens;
    data.width = name == "rgb@224" || name == "t5_caption" ? 1 : 0;
    if (data.width)
      data.values.assign(length, 1);
    else
      for (int64_t i = 0; i < length; ++i) data.ids.push_back(204 + i);
  }
  return sample;
}

struct Filled {
  double input = 0, target = 0;  // shares of the budgets
};

Filled measure(const Component& component, bool redistribute) {
  MaskingConfig config;
  read_config(parse_yaml(concat("{input_tokens: [256, 256], target_tokens: [256, 256], redistribute: ",
                                redistribute ? "true" : "false", ", mixture: [", component.yaml, "]}"),
                         "the test"),
              config, "the test");
  const Masker masker(config, ModalityTable::official(), read_modalities(), kWritten, kWideSentinels);
  const TokenSample sample = full_sample();
  Filled filled;
  for (uint64_t n = 0; n < kDraws; ++n) {
    const MaskedSample masked = masker(sample, Random(1, {n}));
    for (const auto& run : masked.inputs) filled.input += static_cast<double>(run.positions.size()) / kBudget / kDraws;
    for (const auto& run : masked.targets) filled.target += static_cast<double>(run.ids.size()) / kBudget / kDraws;
  }
  return filled;
}

// The components are those of the recipe, whose weights play no part here.
TEST(WideMixture, IsThatOfTheRecipe) {
  const YAML::Node recipe = read_yaml(fs::path(FOURM_SOURCE_DIR) / "configs/pretrain/4m-b_mod21_500b.yaml");
  MaskingConfig config;
  read_config(recipe["masking"], config, "the recipe");
  ASSERT_EQ(config.mixture.size(), kMixture.size());
  for (size_t c = 0; c < kMixture.size(); ++c) {
    MaskingComponent here, there = config.mixture[c];
    read_config(parse_yaml(kMixture[c].yaml, "the test"), here, "the test");
    there.name.clear();
    there.weight = 1;
    EXPECT_EQ(yaml_text(to_yaml(here)), yaml_text(to_yaml(there))) << kMixture[c].name;
  }
}

TEST(WideMixture, ClampedBudgetsAreTheOriginals) {
  const ModalityTable table = ModalityTable::official();
  for (const auto& component : kMixture) {
    MaskingComponent c;
    read_config(parse_yaml(component.yaml, "the test"), c, "the test");
    std::vector<double> alphas;
    std::vector<int64_t> room;
    for (const auto& name : read_modalities()) {
      const auto found = c.input.find(name);
      alphas.push_back(found == c.input.end() ? c.input_others : found->second);
      room.push_back(table.at(name).max_tokens);
    }
    double filled = 0;
    for (uint64_t n = 0; n < 2000; ++n) {
      Random random(1, {n});
      const auto parts = BudgetShares(alphas, random).split(kBudget, room, random, /*redistribute=*/false);
      filled += static_cast<double>(std::accumulate(parts.begin(), parts.end(), int64_t{0})) / kBudget / 2000;
    }
    EXPECT_NEAR(filled, component.filled, 0.025) << component.name;
  }
}

TEST(WideMixture, WhatIsUsed) {
  std::printf("%-24s %14s %14s\n%-24s %8s %5s %8s %5s\n", "share of budget used", "input", "target", "", "original",
              "ours", "original", "ours");
  for (const auto& component : kMixture) {
    const Filled original = measure(component, false), ours = measure(component, true);
    std::printf("%-24s %6.0f %% %3.0f %% %6.0f %% %3.0f %%\n", component.name, 100 * original.input, 100 * ours.input,
                100 * original.target, 100 * ours.target);
    // Pixels alone have 196 patches for 256 tokens: there the tokens do not suffice.
    const bool pixels_only = std::string(component.name) == "pixels to all";
    EXPECT_NEAR(ours.input, pixels_only ? 196.0 / kBudget : 1, 1e-9) << component.name;
    EXPECT_NEAR(ours.target, 1, 1e-9) << component.name;
    EXPECT_LE(original.input, ours.input + 1e-9);
    EXPECT_LT(original.target, 0.97) << component.name;
  }
  EXPECT_LT(measure(kMixture.back(), false).input, 0.5);
}

}  // namespace
}  // namespace fourm
