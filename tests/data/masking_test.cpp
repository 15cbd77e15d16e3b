#include "fourm/data/masking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr SentinelRange kSentinels{4, 200};
constexpr int64_t kFirstWord = 204;

ModalityTable table() {
  ModalityTable t = ModalityTable::official();
  t.extend(R"(modalities:
    rgb@128: {kind: pixels, image_size: 128, patch_size: 16}
    tok_rgb@128: {vocab_size: 512, image_size: 128, patch_size: 16}
    tok_depth@128: {vocab_size: 512, image_size: 128, patch_size: 16}
    notes: {kind: embeddings, width: 3, max_tokens: 20}
)",
           "the test");
  return t;
}

const std::vector<std::string> kInputs{"rgb@128", "tok_rgb@128", "tok_depth@128", "caption", "det", "notes"},
    kTargets{"tok_rgb@128", "tok_depth@128", "caption", "det"}, kTargetGrids{"tok_rgb@128", "tok_depth@128"},
    kInputGrids{"rgb@128", "tok_rgb@128", "tok_depth@128"};

MaskingConfig config(const std::string& yaml) {
  MaskingConfig c;
  read_config(parse_yaml(yaml, "the test"), c, "the test");
  return c;
}

// Every id and row says where it comes from, so that what masking made of it can be traced.
TokenSample sample(Random random) {
  TokenSample s;
  for (const char* grid : {"tok_rgb@128", "tok_depth@128"})
    for (int64_t i = 0; i < 64; ++i) s[grid].ids.push_back(100 + i);
  s["rgb@128"].width = s["notes"].width = 3;
  for (int i = 1; i <= 64; ++i) s["rgb@128"].values.insert(s["rgb@128"].values.end(), 3, static_cast<float>(i));
  for (int64_t i = random.between(1, 20); i > 0; --i)
    s["notes"].values.insert(s["notes"].values.end(), 3, static_cast<float>(i));
  for (const char* text : {"caption", "det"}) {
    const int64_t length = random.between(1, 60);
    for (int64_t i = 0; i < length; ++i) s[text].ids.push_back(kFirstWord + i);
  }
  if (random.chance(0.1)) s.erase("det");
  if (random.chance(0.1)) s.erase("tok_depth@128");
  return s;
}

int64_t length(const TokenRun& run, bool target) {
  return target && run.positions.empty() ? static_cast<int64_t>(run.ids.size())
                                         : static_cast<int64_t>(run.positions.size());
}

const TokenRun* find(const std::vector<TokenRun>& runs, const std::string& name) {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const TokenRun& r) { return r.modality == name; });
  return found == runs.end() ? nullptr : &*found;
}

const std::vector<std::string> kComponents{
    "{input: {rgb@128: 1000}, target_others: 0.5}",
    "{input_others: 0.5, target_others: 0.5}",
    "{input_others: 0.01, target_others: 10}",
    "{input: {caption: 5}, input_others: 0.05, target_others: 0.5, keep: {caption: all, det: binary}}",
};

MaskingConfig mixture(int64_t input_tokens, int64_t target_tokens, const std::vector<std::string>& components) {
  return config(concat("{input_tokens: [", input_tokens, ", ", input_tokens, "], target_tokens: [", target_tokens, ", ",
                       target_tokens, "], mixture: [", join(components, ", "), "]}"));
}

// Slots of the sample's grids with a positive alpha.
int64_t grid_tokens(const TokenSample& sample, const std::map<std::string, double>& alphas, double others,
                    const std::vector<std::string>& grids) {
  int64_t n = 0;
  for (const auto& name : grids) {
    const auto found = alphas.find(name);
    if (sample.contains(name) && (found == alphas.end() ? others : found->second) > 0) n += sample.at(name).length();
  }
  return n;
}

TEST(Masking, HoldsForManySamples) {
  const ModalityTable modalities = table();
  struct Case {
    int64_t input_tokens, target_tokens;
    MaskingConfig config;
    Masker masker;
  };
  std::vector<Case> cases;
  for (const auto& component : kComponents)
    for (const auto& [input, target] :
         std::vector<std::pair<int64_t, int64_t>>{{0, 1}, {1, 60}, {60, 60}, {90, 120}, {200, 7}}) {
      const MaskingConfig c = mixture(input, target, {component});
      cases.push_back({input, target, c, Masker(c, modalities, kInputs, kTargets, kSentinels)});
    }
  for (uint64_t n = 0; n < 100000; ++n) {
    const auto& [input_budget, target_budget, masking, masker] = cases[n % cases.size()];
    const MaskingComponent& component = masking.mixture[0];
    const TokenSample s = sample(Random(1, {n}));
    const MaskedSample masked = masker(s, Random(2, {n}));
    int64_t inputs = 0, targets = 0;
    std::set<std::string> seen;
    for (const auto& run : masked.inputs) {
      inputs += length(run, false);
      ASSERT_TRUE(s.contains(run.modality) && seen.insert(run.modality).second && !run.positions.empty());
      const ModalityData& data = s.at(run.modality);
      const bool sequence = modalities.at(run.modality).is_sequence();
      for (size_t i = 0; i < run.positions.size(); ++i) {
        if (sequence) {
          ASSERT_EQ(run.positions[i], static_cast<int64_t>(i));
        } else if (run.width) {
          for (int c = 0; c < 3; ++c) ASSERT_EQ(run.values[i * 3 + c], data.values[run.positions[i] * 3 + c]);
        } else {
          ASSERT_EQ(run.ids[i], data.ids[run.positions[i]]);
        }
      }
      if (run.width) {
        ASSERT_EQ(run.values.size(), run.positions.size() * run.width);
      }
    }
    seen.clear();
    for (const auto& run : masked.targets) {
      targets += length(run, true);
      ASSERT_TRUE(s.contains(run.modality) && seen.insert(run.modality).second && !run.width && !run.ids.empty());
      const ModalityData& data = s.at(run.modality);
      const TokenRun* input = find(masked.inputs, run.modality);
      if (modalities.at(run.modality).is_sequence()) {
        ASSERT_GE(run.ids.size(), 2u);
        ASSERT_TRUE(kSentinels.contains(run.ids[0]));
        for (const int64_t id : run.ids)  // an id that is asked for is not in the input
          if (!kSentinels.contains(id) && input) {
            ASSERT_EQ(std::count(input->ids.begin(), input->ids.end(), id), 0);
          }
      } else {
        std::set<int64_t> slots(run.positions.begin(), run.positions.end());
        ASSERT_EQ(slots.size(), run.positions.size());
        for (size_t i = 0; i < run.ids.size(); ++i) ASSERT_EQ(run.ids[i], data.ids[run.positions[i]]);
        if (input) {
          for (const int64_t p : input->positions) ASSERT_FALSE(slots.contains(p));
        }
      }
    }
    // Budgets are kept, and used fully as far as grids reach: texts may have less to say than their share.
    ASSERT_LE(inputs, input_budget);
    ASSERT_LE(targets, target_budget);
    ASSERT_GE(inputs, std::min(input_budget, grid_tokens(s, component.input, component.input_others, kInputGrids)));
    int64_t free = grid_tokens(s, component.target, component.target_others, kTargetGrids);
    for (const auto& grid : kTargetGrids)
      if (const TokenRun* input = find(masked.inputs, grid)) free -= length(*input, false);
    ASSERT_GE(targets, std::min(target_budget, free));
  }
}

TEST(Masking, BudgetsMatchTheirMeans) {
  // Budgets of 10 to 50, 30 on average, that fit any grid: a modality gets 30 alpha / sum(alpha).
  const Masker masker(config("{input_tokens: [10, 50], target_tokens: [10, 50], mixture: [{input: {rgb@128: 1, "
                             "tok_rgb@128: 0.5, tok_depth@128: 2.5}, target: {tok_rgb@128: 3, tok_depth@128: 0.2}}]}"),
                      table(), kInputs, kTargets, kSentinels);
  std::map<std::string, double> inputs, targets;
  const int draws = 20000;
  TokenSample s = sample(Random(1));
  for (const char* gone : {"caption", "det", "notes"}) s.erase(gone);
  s["tok_rgb@128"].ids.resize(128, 1);  // room for both
  s["tok_depth@128"].ids.resize(128, 1);
  for (int n = 0; n < draws; ++n) {
    const MaskedSample masked = masker(s, Random(2, {static_cast<uint64_t>(n)}));
    for (const auto& run : masked.inputs) inputs[run.modality] += static_cast<double>(length(run, false)) / draws;
    for (const auto& run : masked.targets) targets[run.modality] += static_cast<double>(length(run, true)) / draws;
  }
  // The deviation of a part is below 15 tokens; 4.5 of the mean's.
  const double within = 4.5 * 15 / std::sqrt(draws);
  EXPECT_NEAR(inputs["rgb@128"], 30.0 * 1 / 4, within);
  EXPECT_NEAR(inputs["tok_rgb@128"], 30.0 * 0.5 / 4, within);
  EXPECT_NEAR(inputs["tok_depth@128"], 30.0 * 2.5 / 4, within);
  EXPECT_NEAR(targets["tok_rgb@128"], 30.0 * 3 / 3.2, within);
  EXPECT_NEAR(targets["tok_depth@128"], 30.0 * 0.2 / 3.2, within);
}

TEST(Masking, WithoutOverlapTargetsLieElsewhere) {
  ModalityTable modalities = table();
  modalities.extend(
      "modalities: {tok_fine@128: {vocab_size: 512, image_size: 128, patch_size: 8}, "
      "tok_odd@128: {vocab_size: 512, image_size: 126, patch_size: 42}, "
      "tok_global: {vocab_size: 512, image_size: 128, patch_size: 32, positions: learned}}",
      "the test");
  const std::vector<std::string> targets{"tok_rgb@128", "tok_fine@128", "tok_odd@128", "tok_global"};
  TokenSample s = sample(Random(1));
  s["tok_fine@128"].ids.assign(256, 7);
  s["tok_odd@128"].ids.assign(9, 7);
  s["tok_global"].ids.assign(16, 7);
  for (const bool overlap : {true, false}) {
    const Masker masker(
        config(concat("{overlap: ", overlap ? "true" : "false",
                      ", input_tokens: [10, 40], target_tokens: [400, 400], mixture: [{input: {rgb@128: 1, "
                      "tok_depth@128: 0.5}, target_others: 1}]}")),
        modalities, {"rgb@128", "tok_depth@128"}, targets, kSentinels);
    int64_t shared = 0;
    for (uint64_t n = 0; n < 2000; ++n) {
      const MaskedSample masked = masker(s, Random(2, {n}));
      const TokenRun* pixels = find(masked.inputs, "rgb@128");
      std::set<int64_t> given;
      if (pixels) given = {pixels->positions.begin(), pixels->positions.end()};
      // The budget is larger than all grids together, so that everything allowed is asked for.
      std::map<std::string, int64_t> expected{
          {"tok_rgb@128", 0}, {"tok_fine@128", 0}, {"tok_odd@128", 0}, {"tok_global", 16}};
      for (const auto& [name, side] :
           std::vector<std::pair<std::string, int64_t>>{{"tok_rgb@128", 8}, {"tok_fine@128", 16}, {"tok_odd@128", 3}})
        for (int64_t slot = 0; slot < side * side; ++slot) {
          // A slot is covered where it shares a point of a raster of 48 x 48 with a given patch.
          bool covered = false;
          const int64_t cell = 48 / side;
          for (int64_t y = slot / side * cell; y < (slot / side + 1) * cell; ++y)
            for (int64_t x = slot % side * cell; x < (slot % side + 1) * cell; ++x)
              covered |= given.contains(y / 6 * 8 + x / 6);
          expected[name] += overlap || !covered;
          const TokenRun* run = find(masked.targets, name);
          const bool asked = run && std::count(run->positions.begin(), run->positions.end(), slot) == 1;
          ASSERT_EQ(asked, overlap || !covered) << name << " " << slot;
          shared += asked && covered;
        }
      for (const auto& [name, count] : expected) {
        const TokenRun* run = find(masked.targets, name);
        ASSERT_EQ(run ? length(*run, true) : 0, count) << name;
      }
    }
    EXPECT_EQ(shared > 0, overlap);
  }
}

TEST(Masking, BudgetsAreUsedFully) {
  // The grids hold 128 tokens, which is enough for both budgets whatever the texts leave.
  const Masker masker(config("{input_tokens: [60, 60], target_tokens: [60, 60], mixture: [{input_others: 0.3, "
                             "target_others: 0.3}]}"),
                      table(), kInputs, kTargets, kSentinels);
  for (uint64_t n = 0; n < 5000; ++n) {
    TokenSample s = sample(Random(1, {n}));
    if (!s.contains("tok_depth@128")) continue;
    const MaskedSample masked = masker(s, Random(2, {n}));
    int64_t inputs = 0, targets = 0;
    for (const auto& run : masked.inputs) inputs += length(run, false);
    for (const auto& run : masked.targets) targets += length(run, true);
    ASSERT_EQ(inputs, 60);
    ASSERT_EQ(targets, 60);
  }
}

TEST(Masking, SpansInvert) {
  const Masker masker(config("{input_tokens: [60, 60], target_tokens: [1000, 1000], mixture: [{input: {caption: 1}, "
                             "target: {caption: 1}}]}"),
                      table(), kInputs, kTargets, kSentinels);
  int whole = 0;
  for (uint64_t n = 0; n < 5000; ++n) {
    const TokenSample s = sample(Random(1, {n}));
    const MaskedSample masked = masker(s, Random(2, {n}));
    const TokenRun* input = find(masked.inputs, "caption");
    const TokenRun* target = find(masked.targets, "caption");
    ASSERT_TRUE(input);
    ASSERT_EQ(merge_spans(input->ids, target ? target->ids : std::vector<int64_t>{}, kSentinels), s.at("caption").ids);
    whole += target ? 0 : 1;
  }
  EXPECT_LT(whole, 1000);
}

TEST(Masking, KeepSchemes) {
  const ModalityTable modalities = table();
  const auto kept = [&](const std::string& scheme, uint64_t n) {
    const Masker masker(config("{input_tokens: [60, 60], target_tokens: [9, 9], mixture: [{input: {caption: 1}, "
                               "target_others: 1, keep: {caption: " +
                               scheme + "}}]}"),
                        modalities, kInputs, kTargets, kSentinels);
    const TokenSample s = sample(Random(1, {n}));
    const MaskedSample masked = masker(s, Random(2, {n}));
    const auto& ids = find(masked.inputs, "caption")->ids;
    const auto words = std::count_if(ids.begin(), ids.end(), [](int64_t id) { return !kSentinels.contains(id); });
    return static_cast<double>(words) / static_cast<double>(s.at("caption").ids.size());
  };
  int some = 0, all = 0;
  double mean = 0;
  for (uint64_t n = 0; n < 400; ++n) {
    EXPECT_EQ(kept("all", n), 1);
    const double binary = kept("binary", n);
    EXPECT_TRUE(binary == 0 || binary == 1);
    all += binary == 1;
    const double part = kept("random", n);
    some += part > 0 && part < 1;
    mean += part / 400;
  }
  EXPECT_NEAR(all, 200, 50);
  EXPECT_GT(some, 300);
  EXPECT_NEAR(mean, 0.5, 0.06);
}

TEST(Masking, DependsOnSampleAndRandomAlone) {
  const Masker a(mixture(60, 90, kComponents), table(), kInputs, kTargets, kSentinels),
      b(mixture(60, 90, kComponents), table(), {kInputs.rbegin(), kInputs.rend()}, kTargets, kSentinels);
  const TokenSample s = sample(Random(1));
  const MaskedSample x = a(s, Random(2, {7})), y = b(s, Random(2, {7})), z = a(s, Random(2, {8}));
  ASSERT_EQ(x.inputs.size(), y.inputs.size());
  for (size_t i = 0; i < x.inputs.size(); ++i) EXPECT_EQ(x.inputs[i].ids, y.inputs[i].ids);
  EXPECT_TRUE(x.inputs.size() != z.inputs.size() || x.inputs[0].positions != z.inputs[0].positions ||
              x.targets.size() != z.targets.size() || x.targets[0].ids != z.targets[0].ids);
}

// A component that would give no input or ask for no target is not drawn for a sample, if there is another.
TEST(Masking, SamplesThatLackModalitiesUseTheComponentsThatFit) {
  const Masker masker(
      mixture(60, 90,
              {"{input: {rgb@128: 1}, target: {tok_depth@128: 1}}", "{input: {caption: 1}, target: {caption: 1}}"}),
      table(), kInputs, kTargets, kSentinels);
  const auto first_inputs = [&](const std::vector<std::string>& absent) {
    std::set<std::string> names;
    for (uint64_t n = 0; n < 60; ++n) {
      TokenSample s = sample(Random(3));
      for (const auto& name : absent) s.erase(name);
      for (const auto& run : masker(s, Random(1, {n})).inputs) names.insert(run.modality);
    }
    return names;
  };
  EXPECT_EQ(first_inputs({}), (std::set<std::string>{"caption", "rgb@128"}));
  EXPECT_EQ(first_inputs({"rgb@128"}), (std::set<std::string>{"caption"}));
  EXPECT_EQ(first_inputs({"tok_depth@128"}), (std::set<std::string>{"caption"}));
  EXPECT_EQ(first_inputs({"caption"}), (std::set<std::string>{"rgb@128"}));
  EXPECT_EQ(first_inputs({"caption", "tok_depth@128"}), (std::set<std::string>{"rgb@128"})) << "no component fits";
}

// A grid that leaves its size to the model is laid over the model's image.
TEST(Masking, GridsOfTheModelsSizeKnowWhereTheyAre) {
  ModalityTable own = table();
  own.extend("modalities: {tok_any: {vocab_size: 512}, rgb_any: {kind: pixels}}", "the test");
  MaskingConfig c = mixture(4, 16, {"{input: {rgb_any: 1}, target: {tok_any: 1}}"});
  c.overlap = false;
  const Masker masker(c, own, {"rgb_any"}, {"tok_any"}, kSentinels, 64, 16);
  TokenSample s;
  s["rgb_any"].width = 1;
  for (int64_t i = 0; i < 16; ++i) {
    s["rgb_any"].values.push_back(static_cast<float>(i));
    s["tok_any"].ids.push_back(i);
  }
  for (uint64_t n = 0; n < 20; ++n) {
    const MaskedSample masked = masker(s, Random(1, {n}));
    ASSERT_EQ(masked.inputs.size(), 1u);
    ASSERT_EQ(masked.targets.size(), 1u);
    std::vector<int64_t> all = masked.inputs[0].positions;
    all.insert(all.end(), masked.targets[0].positions.begin(), masked.targets[0].positions.end());
    std::sort(all.begin(), all.end());
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
    EXPECT_EQ(all.size(), 16u);
  }
}

TEST(Masking, IsRestrictedToTheModalitiesOfASet) {
  const MaskingConfig whole = config(R"(mixture:
    - {name: pixels, input: {rgb@128: 1000}, target_others: 0.5}
    - {name: all, input_others: 0.5, target_others: 0.5, keep: {det: binary}}
    - {name: texts, input: {caption: 5}, target: {caption: 1, tok_rgb@128: 2}, keep: {caption: all}}
    - {name: no_texts, input: {caption: 0}, input_others: 1, target_others: 1}
)");
  const auto names = [](const MaskingConfig& masking) {
    std::vector<std::string> list;
    for (const auto& component : masking.mixture) list.push_back(component.name);
    return list;
  };
  const MaskingConfig text = restricted(whole, table(), {"caption"}, {"caption"});
  EXPECT_EQ(names(text), (std::vector<std::string>{"all", "texts"}));
  EXPECT_TRUE(text.mixture[0].keep.empty());
  EXPECT_EQ(text.mixture[1].target, (std::map<std::string, double>{{"caption", 1}}));
  EXPECT_NO_THROW(Masker(text, table(), {"caption"}, {"caption"}, kSentinels));
  EXPECT_EQ(names(restricted(whole, table(), kInputs, kTargets)), names(whole));
  EXPECT_TRUE(restricted(whole, table(), {"caption"}, {"rgb@128"}).mixture.empty()) << "pixels are no targets";
}

TEST(Masking, ComponentsHaveLastingNames) {
  const MaskingConfig named = with_names(config(
      "mixture: [{input: {rgb@128: 1}, target_others: 1}, {input_others: 1, target_others: 1}, {name: texts, input: "
      "{caption: 1}, target: {caption: 1}}]"));
  const MaskingConfig left = restricted(named, table(), {"caption"}, {"caption"});
  ASSERT_EQ(left.mixture.size(), 2u);
  EXPECT_EQ(left.mixture[0].name, "1") << "its number in the recipe, not among those that are left";
  EXPECT_EQ(left.mixture[1].name, "texts");
  for (const char* names : {"[{name: a}, {name: b}, {name: a}]", "[{name: '1'}, {}]"}) {
    try {
      with_names(config(std::string("mixture: ") + names));
      ADD_FAILURE() << names;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("is the name of an earlier component"), std::string::npos) << names;
    }
  }
}

// The grid of a row with max_tokens follows from the model's sizes.
TEST(Masking, SizesAreThoseOfTheModel) {
  ModalityTable t;
  t.extend(
      "modalities: {tok_any: {vocab_size: 8, max_tokens: 64, patch_size: 16}, own: {kind: sequence, vocab_size: 400, "
      "max_tokens: 8}}",
      "the test");
  const MaskingConfig c = mixture(40, 24, {"{input_others: 1, target_others: 1, keep: {own: all}}"});
  const std::vector<std::string> names{"tok_any", "own"};
  EXPECT_THROW(t.at("tok_any"), Error);
  EXPECT_EQ(restricted(c, t, names, names, 128, 16).mixture.size(), 1u);
  const Masker masker(c, t, names, names, kSentinels, 128, 16);
  TokenSample s;
  s["tok_any"].ids.assign(64, 3);
  EXPECT_EQ(masker(s, Random(1)).inputs.at(0).ids.size(), 40u);
}

TEST(Masking, SaysWhatIsWrong) {
  const auto message = [](const std::string& yaml) -> std::string {
    try {
      const Masker masker(config(yaml), table(), kInputs, kTargets, kSentinels);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("mixture: [{input: {tok_dept@128: 1}, target_others: 1}]").find("did you mean 'tok_depth@128'"),
            std::string::npos);
  EXPECT_EQ(message("mixture: [{input_others: 1, target: {rgb@128: 1}}]"),
            "mixture[0].target: 'rgb@128' is not one of its modalities");
  EXPECT_NE(message("mixture: [{input_others: -1, target_others: 1}]"), "");
  EXPECT_NE(message("mixture: [{input_others: 1}]"), "");
  EXPECT_NE(message("mixture: []"), "");
  EXPECT_NE(message("{input_tokens: [5, 2], mixture: [{input_others: 1, target_others: 1}]}"), "");
  EXPECT_NE(message("mixture: [{input_others: 1, target_others: 1, keep: {caption: most}}]"), "");
}

// Metadata: a type and its value stay together, in the input or behind one sentinel of the target.
TEST(Masking, ChunksAreKeptOrHiddenWhole) {
  ModalityTable t;
  t.extend("modalities: {metadata: {kind: sequence, vocab_size: 30000, max_tokens: 40}}", "the test");
  const Masker masker(mixture(40, 40, {"{input_others: 1, target_others: 1}"}), t, {"metadata"}, {"metadata"},
                      kSentinels);
  TokenSample s;
  ModalityData& data = s["metadata"];
  for (int64_t i = 0; i < 20; ++i) data.ids.push_back(kFirstWord + i);
  data.ids.push_back(3);
  data.chunks.assign(10, 2);
  data.chunks.push_back(1);
  int64_t kept = 0, hidden = 0;
  for (uint64_t n = 0; n < 200; ++n) {
    const MaskedSample masked = masker(s, Random(n));
    for (const auto* runs : {&masked.inputs, &masked.targets})
      for (const TokenRun& run : *runs)
        for (size_t i = 0; i < run.ids.size(); ++i) {
          if (run.ids[i] < kFirstWord || (run.ids[i] - kFirstWord) % 2) continue;
          if (i + 1 == run.ids.size()) continue;  // cut by the budget
          EXPECT_EQ(run.ids[i + 1], run.ids[i] + 1);
          ++(runs == &masked.inputs ? kept : hidden);
        }
  }
  EXPECT_GT(kept, 200);
  EXPECT_GT(hidden, 200);
}

// A causal decoder sees the slots before a slot, so their order matters: it is that of the grid, as in the original.
TEST(Masking, TargetsOfGridsAreInRasterOrder) {
  const Masker masker(config("{mixture: [{input: {rgb@128: 1}, target: {tok_rgb@128: 1, tok_depth@128: 1}}], "
                             "input_tokens: [32, 32], target_tokens: [40, 40]}"),
                      table(), kInputs, kTargets, kSentinels);
  int64_t runs = 0;
  for (uint64_t n = 0; n < 20; ++n)
    for (const TokenRun& run : masker(sample(Random(n)), Random(n)).targets) {
      EXPECT_TRUE(std::is_sorted(run.positions.begin(), run.positions.end()));
      for (size_t k = 0; k < run.positions.size(); ++k) EXPECT_EQ(run.ids[k], 100 + run.positions[k]);
      ++runs;
    }
  EXPECT_GT(runs, 20);
}

}  // namespace
}  // namespace fourm
