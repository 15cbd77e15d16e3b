// Schedules, filters and seeds against the original's tables (fixture: transformer/schedules.json), with our rule for
// steps that are not positive: the running count stops at n and empty steps are dropped.
#include "fourm/generate/schedule.h"

#include <cmath>
#include <numeric>

#include "fourm/core/json.h"
#include "fourm/generate/plan.h"
#include "fourm/generate/sampler.h"
#include "tests/support/fixtures.h"

namespace fourm {
namespace {

using Integers = std::vector<int64_t>;

const Json& tables() {
  static const Json json = read_json(test::fixture_root() / "transformer" / "schedules.json");
  return json;
}
#define NEEDS_TABLES FOURM_NEEDS(test::fixture_root() / "transformer" / "schedules.json")

Integers positive_part(const Integers& tokens, int64_t n) {
  Integers kept;
  int64_t done = 0;
  for (const int64_t t : tokens) {
    const int64_t count = std::min(t, n - done);
    if (count <= 0) continue;
    kept.push_back(count);
    done += count;
  }
  return kept;
}

TEST(Schedule, TokensEqualTheTables) {
  NEEDS_TABLES;
  for (const auto& row : tables()["token_schedules"]) {
    const auto n = row["total"].get<int64_t>(), k = row["steps"].get<int64_t>();
    EXPECT_EQ(cosine_tokens(n, k), positive_part(row["cosine"].get<Integers>(), n)) << n << " in " << k;
    EXPECT_EQ(linear_tokens(n, k), row["linear"].get<Integers>()) << n << " in " << k;
  }
}

TEST(Schedule, EveryScheduleIsPositiveAndComplete) {
  for (int64_t n = 1; n < 300; n += 7)
    for (int64_t k = 1; k < 120; k += 3)
      for (const auto& tokens : {cosine_tokens(n, k), linear_tokens(n, k)}) {
        EXPECT_EQ(std::accumulate(tokens.begin(), tokens.end(), int64_t{0}), n);
        EXPECT_GT(*std::min_element(tokens.begin(), tokens.end()), 0);
        EXPECT_LE(static_cast<int64_t>(tokens.size()), k);
      }
}

TEST(Schedule, TemperaturesEqualTheTables) {
  NEEDS_TABLES;
  for (const auto& row : tables()["temperature_schedules"]) {
    const auto tokens = row["tokens"].get<Integers>();
    if (*std::min_element(tokens.begin(), tokens.end()) <= 0) continue;
    for (const auto& [kind, values] : row.items()) {
      if (kind != "constant" && kind != "linear" && !kind.starts_with("onex")) continue;
      const auto found = temperatures(kind, row["temperature"].get<double>(), tokens);
      ASSERT_EQ(found.size(), values.size());
      for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], values[i].get<double>(), 1e-6) << kind;
    }
  }
}

TEST(Schedule, ContinuesAfterKnownTokens) {
  NEEDS_TABLES;
  for (const auto& row : tables()["continue_schedule"]) {
    const auto tokens = row["tokens"].get<Integers>();
    int64_t later = std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
    int64_t missing = later - row["already"].get<int64_t>();
    Integers rest;
    for (const int64_t count : tokens) {
      const int64_t now = remaining_tokens(count, later -= count, missing);
      missing -= now;
      if (now > 0) rest.push_back(now);
    }
    EXPECT_EQ(rest, row["result"].get<Integers>());
  }
}

TEST(Schedule, PlansExpandLikeTheOriginal) {
  NEEDS_TABLES;
  const auto table = ModalityTable::official();
  for (const auto& row : tables()["chained"]) {
    const Json& a = row["args"];
    Plan plan;
    plan.conditions = a["cond_domains"].get<std::vector<std::string>>();
    plan.grow_conditions = a["cfg_grow_conditioning"].get<bool>();
    plan.grow_texts = false;
    for (size_t i = 0; i < a["target_domains"].size(); ++i) {
      Target t;
      t.modality = a["target_domains"][i].get<std::string>();
      t.tokens = a["tokens_per_target"][i].get<int64_t>();
      t.scheme = a["autoregression_schemes"][i].get<std::string>();
      if (a["decoding_steps"][i].is_number()) t.steps = a["decoding_steps"][i].get<int64_t>();
      if (a["token_decoding_schedules"][i].is_string())
        t.schedule = a["token_decoding_schedules"][i].get<std::string>();
      t.temperature = a["temps"][i].get<double>();
      t.temperature_schedule = a["temp_schedules"][i].get<std::string>();
      t.guidance = a["cfg_scales"][i].get<double>();
      plan.targets.push_back(t);
    }
    const auto steps = expand(plan, [&](const std::string& name) { return table.at(name); });
    ASSERT_EQ(steps.size(), row["schedule"].size());
    for (size_t i = 0; i < steps.size(); ++i) {
      const Json& want = row["schedule"][i];
      EXPECT_EQ(steps[i].target, want["target_domain"].get<std::string>());
      EXPECT_EQ(steps[i].tokens, want["num_tokens"].is_number() ? want["num_tokens"].get<int64_t>() : 0);
      EXPECT_NEAR(steps[i].temperature, want["temperature"].get<double>(), 1e-6);
      EXPECT_EQ(steps[i].guidance.scale, want["cfg_scale"].get<double>());
      EXPECT_EQ(steps[i].guidance.conditions, want["cfg_cond_domains"].get<std::vector<std::string>>());
    }
  }
}

Filter filter_of(const Json& row) {
  Filter filter;
  if (row["top_k"].is_number_float())
    filter.top_k_share = row["top_k"].get<double>();
  else
    filter.top_k = row["top_k"].get<int64_t>();
  filter.top_p = row["top_p"].get<double>();
  return filter;
}

TEST(Schedule, ImpossibleNumbersAreRefused) {
  const auto modality = [](const std::string& name) { return ModalityTable::official().at(name); };
  const auto refused = [&](const std::function<void(Plan&)>& change) {
    Plan plan;
    plan.targets.resize(1);
    plan.targets[0].modality = "tok_depth@224";
    plan.conditions = {"caption"};
    expand(plan, modality);
    change(plan);
    try {
      expand(plan, modality);
    } catch (const Error&) {
      return true;
    }
    return false;
  };
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    EXPECT_TRUE(refused([&](Plan& p) { p.targets[0].temperature = value; })) << value;
    EXPECT_TRUE(refused([&](Plan& p) { p.targets[0].guidance = value; })) << value;
    EXPECT_TRUE(refused([&](Plan& p) { p.targets[0].weights = {value}; })) << value;
    EXPECT_TRUE(refused([&](Plan& p) { p.top_k_share = value; })) << value;
    EXPECT_TRUE(refused([&](Plan& p) { p.top_p = value; })) << value;
    EXPECT_TRUE(refused([&](Plan& p) { p.targets[0].temperature_schedule = concat("onex:", value, ":1"); })) << value;
  }
  EXPECT_TRUE(refused([](Plan& p) { p.targets[0].temperature = -1; }));
  EXPECT_TRUE(refused([](Plan& p) { p.targets[0].tokens = -1; }));
  EXPECT_TRUE(refused([](Plan& p) { p.targets[0].steps = 0; }));
  EXPECT_TRUE(refused([](Plan& p) { p.top_k = -1; }));
  EXPECT_TRUE(refused([](Plan& p) { p.top_p = -0.1; }));
}

// A setting that has no effect on the target is refused, rather than left out.
TEST(Schedule, SettingsThatDoNotApplyAreRefused) {
  const auto modality = [](const std::string& name) { return ModalityTable::official().at(name); };
  const auto refusal = [&](const std::string& target, const std::function<void(Plan&)>& change) -> std::string {
    Plan plan;
    plan.targets.resize(1);
    plan.targets[0].modality = target;
    plan.conditions = {"rgb@224"};
    change(plan);
    try {
      expand(plan, modality);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const auto expect = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message << "; expected " << part;
  };
  const std::string sequence = "'caption' is a sequence: the plan's key ";
  expect(refusal("caption", [](Plan& p) { p.targets[0].steps = 4; }), sequence + "'steps'");
  for (const char* schedule : {"cosine", "linear"})
    expect(refusal("caption", [&](Plan& p) { p.targets[0].schedule = schedule; }), sequence + "'schedule'");
  expect(refusal("caption", [](Plan& p) { p.targets[0].temperature_schedule = "linear"; }),
         sequence + "'temperature_schedule'");
  expect(refusal("caption", [](Plan& p) { p.targets[0].guidance_schedule = "wrong"; }),
         sequence + "'guidance_schedule'");
  EXPECT_EQ(refusal("caption", [](Plan& p) { p.targets[0].guidance_schedule = "constant"; }), "");

  // A number of tokens: of a sequence within its slots, of a grid its own.
  for (const int64_t tokens : {1, 257})
    expect(refusal("caption", [&](Plan& p) { p.targets[0].tokens = tokens; }), "expected 2 to 256");
  for (const int64_t tokens : {2, 256})
    EXPECT_EQ(refusal("caption", [&](Plan& p) { p.targets[0].tokens = tokens; }), "");
  expect(refusal("tok_depth@224", [&](Plan& p) { p.targets[0].tokens = 20; }), "the plan generates 20 of 196 tokens");
  expect(refusal("tok_depth@224", [&](Plan& p) { p.targets[0].tokens = 197; }), "196 of 196 tokens are left");
  EXPECT_EQ(refusal("tok_depth@224", [](Plan& p) { p.targets[0].tokens = 196; }), "");

  expect(refusal("caption", [](Plan& p) { p.targets[0].weights = {2}, p.targets[0].guidance = 3; }), "not both");
  expect(
      refusal("tok_depth@224", [](Plan& p) { p.targets[0].weights = {2}, p.targets[0].guidance_schedule = "cosine"; }),
      "not both");
  expect(refusal("caption", [](Plan& p) { p.top_k = 5, p.top_k_share = 0.5; }), "top_k is 5 and top_k_share 0.5");
}

TEST(Sampler, FiltersKeepWhatTheOriginalKeeps) {
  NEEDS_TABLES;
  const Json& all = tables();
  const auto logits = all["filter_logits"].get<std::vector<std::vector<float>>>();
  for (const auto& row : all["filtering"]) {
    if (row.contains("error")) {
      EXPECT_THROW(kept_tokens(logits[0].data(), static_cast<int64_t>(logits[0].size()), filter_of(row)), Error);
      continue;
    }
    for (size_t i = 0; i < logits.size(); ++i)
      EXPECT_EQ(kept_tokens(logits[i].data(), static_cast<int64_t>(logits[i].size()), filter_of(row)),
                row["kept"][i].get<Integers>())
          << row.dump();
  }
}

TEST(Sampler, DrawsFollowTheFilteredDistribution) {
  NEEDS_TABLES;
  const Json& all = tables();
  const auto logits = all["filter_logits"].get<std::vector<std::vector<float>>>();
  constexpr int kDraws = 20000;
  for (const auto& row : all["filtered_probs"])
    for (size_t i = 0; i < row["probs"].size(); ++i) {
      const auto expected = row["probs"][i].get<std::vector<double>>();
      std::vector<int> counts(expected.size());
      for (int d = 0; d < kDraws; ++d) {
        Random random(11, {i, static_cast<uint64_t>(d)});
        const Drawn drawn = draw_token(logits[i].data(), static_cast<int64_t>(expected.size()),
                                       row["temperature"].get<double>(), filter_of(row), &random);
        EXPECT_NEAR(drawn.confidence, expected[drawn.token], 1e-5);
        ++counts[drawn.token];
      }
      for (size_t v = 0; v < expected.size();
           ++v) {  // five standard deviations; a rare token may still come once or twice
        const double deviation = std::sqrt(expected[v] * (1 - expected[v]) / kDraws);
        EXPECT_NEAR(counts[v] / static_cast<double>(kDraws), expected[v], 5 * deviation + 3.0 / kDraws);
      }
    }
}

// Draft tokens are accepted often only then (generate/sequence.h), and precisions can be compared with the same seed.
TEST(Sampler, NearlyTheSameScoresDrawTheSameToken) {
  constexpr int64_t kVocabulary = 2000;
  constexpr int kDraws = 300;
  std::vector<float> scores(kVocabulary), near(kVocabulary);
  int same = 0;
  for (uint64_t d = 0; d < kDraws; ++d) {
    Random noise(5, {d});
    for (int64_t i = 0; i < kVocabulary; ++i) {
      scores[i] = static_cast<float>(noise.normal());
      near[i] = scores[i] + 0.01f * static_cast<float>(noise.normal());
    }
    Random one(3, {d}), other(3, {d});
    same += draw_token(scores.data(), kVocabulary, 1, {}, &one).token ==
            draw_token(near.data(), kVocabulary, 1, {}, &other).token;
  }
  EXPECT_GE(same, 0.95 * kDraws);
}

// Powers of two keep the closed form short: 2^(i / temperature), over their sum.
TEST(Sampler, ConfidenceIsTheTemperedProbability) {
  const float scores[] = {0, std::log(2.0f), std::log(4.0f), std::log(8.0f)};
  for (const double temperature : {0.5, 1.0, 2.0})
    for (const int64_t kept : {4, 2}) {
      Filter filter;
      filter.top_k = kept;
      double total = 0;
      for (int64_t i = 4 - kept; i < 4; ++i) total += std::exp2(i / temperature);
      const Drawn best = draw_token(scores, 4, temperature, filter, nullptr);
      EXPECT_EQ(best.token, 3);
      EXPECT_NEAR(best.confidence, std::exp2(3 / temperature) / total, 1e-6) << temperature;
      for (uint64_t d = 0; d < 50; ++d) {
        Random random(3, {d});
        const Drawn drawn = draw_token(scores, 4, temperature, filter, &random);
        EXPECT_GE(drawn.token, 4 - kept);
        EXPECT_NEAR(drawn.confidence, std::exp2(static_cast<double>(drawn.token) / temperature) / total, 1e-6);
      }
    }
}

TEST(Modality, IdsEqualTheOriginals) {
  NEEDS_TABLES;
  const auto table = ModalityTable::official();
  for (const auto& [name, id] : tables()["modality_ids"].items()) {
    Modality m;
    m.name = name;
    EXPECT_EQ(m.id(), id.get<int>()) << name;
  }
}

}  // namespace
}  // namespace fourm
