#include "fourm/data/masking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "fourm/core/config.h"
#include "fourm/core/error.h"

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
    kTargets{"tok_rgb@128", "tok_depth@128", "caption", "det"};

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

const char* kMixture = R"(
input_tokens: [0, 90]
target_tokens: [1, 120]
mixture:
  - {input: {rgb@128: 1000}, target_others: 0.5}
  - {input_others: 0.5, target_others: 0.5}
  - {input_others: 0.01, target_others: 10}
  - {input: {caption: 5}, input_others: 0.05, target_others: 0.5, keep: {caption: all, det: binary}}
)";

TEST(Masking, HoldsForManySamples) {
  const ModalityTable modalities = table();
  const Masker masker(config(kMixture), modalities, kInputs, kTargets, kSentinels);
  for (uint64_t n = 0; n < 100000; ++n) {
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
    ASSERT_LE(inputs, 90);
    ASSERT_LE(targets, 120);
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
  const Masker a(config(kMixture), table(), kInputs, kTargets, kSentinels),
      b(config(kMixture), table(), {kInputs.rbegin(), kInputs.rend()}, kTargets, kSentinels);
  const TokenSample s = sample(Random(1));
  const MaskedSample x = a(s, Random(2, {7})), y = b(s, Random(2, {7})), z = a(s, Random(2, {8}));
  ASSERT_EQ(x.inputs.size(), y.inputs.size());
  for (size_t i = 0; i < x.inputs.size(); ++i) EXPECT_EQ(x.inputs[i].ids, y.inputs[i].ids);
  EXPECT_TRUE(x.inputs.size() != z.inputs.size() || x.inputs[0].positions != z.inputs[0].positions ||
              x.targets.size() != z.targets.size() || x.targets[0].ids != z.targets[0].ids);
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

}  // namespace
}  // namespace fourm
