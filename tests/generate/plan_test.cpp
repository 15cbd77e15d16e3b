#include "fourm/generate/plan.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/schedule_tables.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

Modality official(const std::string& name) { return ModalityTable::official().at(name); }

Target target(const std::string& modality, int64_t steps = 1) {
  Target t;
  t.modality = modality;
  t.steps = steps;
  return t;
}

TEST(Plan, SchemesAreKnownByTheirNames) {
  EXPECT_EQ(parse_scheme("maskgit"), Scheme::kMaskGit);
  EXPECT_EQ(parse_scheme("roar"), Scheme::kRoar);
  EXPECT_EQ(parse_scheme("autoregressive"), Scheme::kAutoregressive);
  EXPECT_EQ(test::message_of([] { parse_scheme("MaskGIT"); }),
            "unknown scheme 'MaskGIT'; known: maskgit, roar, autoregressive");
}

TEST(Plan, StepsOfAGridWriteAllItsTokensOnce) {
  for (const char* scheme : {"maskgit", "roar"})
    for (const int64_t steps : {1, 7, 196, 500}) {
      Plan plan;
      plan.targets = {target("tok_depth@224", steps)};
      plan.targets[0].scheme = scheme;
      int64_t written = 0;
      for (const Step& step : expand(plan, official)) {
        EXPECT_GT(step.tokens, 0);
        EXPECT_EQ(step.tokens_before, written);
        EXPECT_EQ(step.tokens_total, 196);
        written += step.tokens;
      }
      EXPECT_EQ(written, 196) << scheme << " in " << steps;
    }
}

TEST(Plan, AStepGeneratesATokenOrMore) {
  for (const char* schedule : {"cosine", "linear"}) {
    const auto steps_of = [&](int64_t steps) {
      Plan plan;
      plan.targets = {target("tok_depth@224", steps)};
      plan.targets[0].scheme = "maskgit";
      plan.targets[0].schedule = schedule;
      return expand(plan, official).size();
    };
    EXPECT_EQ(steps_of(2000), steps_of(196)) << schedule;
    EXPECT_GT(steps_of(2000), 196u / 2) << schedule;
  }
}

TEST(Plan, FinishedTargetsBecomeConditionsOfLaterTargets) {
  using Conditions = std::vector<std::string>;
  for (const bool grow : {true, false}) {
    Plan plan;
    plan.conditions = {"rgb@224"};
    plan.grow_conditions = grow;
    plan.targets = {target("tok_depth@224"), target("caption"), target("tok_normal@224")};
    for (Target& t : plan.targets) t.guidance = 2;
    const auto steps = expand(plan, official);
    ASSERT_EQ(steps.size(), 3u);
    EXPECT_EQ(steps[0].guidance.conditions, (Conditions{"rgb@224"}));
    const Conditions later = grow ? Conditions{"rgb@224", "tok_depth@224"} : Conditions{"rgb@224"};
    EXPECT_EQ(steps[1].guidance.conditions, later);
    plan.grow_text_conditions = false;
    EXPECT_EQ(expand(plan, official)[2].guidance.conditions, later) << "as in the original";
    const Conditions all = grow ? Conditions{"rgb@224", "tok_depth@224", "caption"} : later;
    EXPECT_EQ(steps[2].guidance.conditions, all) << "as in the paper";
  }
}

TEST(Plan, WeightsAreOneACondition) {
  Plan plan;
  plan.conditions = {"rgb@224", "caption"};
  plan.targets = {target("tok_depth@224")};
  plan.targets[0].weights = {2, -1};
  const Guidance guidance = expand(plan, official).at(0).guidance;
  ASSERT_EQ(guidance.terms.size(), 2u);
  EXPECT_EQ(guidance.terms[1].conditions, (std::vector<std::string>{"caption"}));
  EXPECT_EQ(guidance.terms[1].weight, -1);
  EXPECT_TRUE(guidance.active());
  plan.targets[0].weights = {2};
  EXPECT_EQ(test::message_of([&] { expand(plan, official); }),
            "modality 'tok_depth@224': 1 guidance weights for 2 conditions (rgb@224, caption)");
}

TEST(Plan, OnlyTheLastTextIsRepeated) {
  Plan plan;
  plan.targets = {target("tok_depth@224"), target("sam_instance")};
  plan.targets[1].repeat = 3;
  EXPECT_EQ(expand(plan, official).back().repeat, 3);
  std::swap(plan.targets[0], plan.targets[1]);
  EXPECT_NE(test::message_of([&] { expand(plan, official); }).find("only the last target of a plan can have 'repeat'"),
            std::string::npos);
  plan.targets = {target("tok_depth@224")};
  plan.targets[0].repeat = 3;
  EXPECT_EQ(test::message_of([&] { expand(plan, official); }),
            "modality 'tok_depth@224' is a grid: the plan's key 'repeat' is for sequences");
}

TEST(Plan, WhatCannotBeGeneratedIsNamed) {
  const auto refusal = [](const std::string& modality, const std::string& scheme) {
    Plan plan;
    plan.targets = {target(modality)};
    plan.targets[0].scheme = scheme;
    return test::message_of([&] { expand(plan, official); });
  };
  EXPECT_EQ(refusal("rgb@224", ""), "modality 'rgb@224' cannot be generated");
  EXPECT_EQ(refusal("caption", "roar"), "modality 'caption' is a sequence: its scheme is autoregressive");
  EXPECT_EQ(refusal("tok_depth@224", "autoregressive"),
            "modality 'tok_depth@224' is a grid: its scheme is maskgit or roar");
}

TEST(Plan, TargetsMayAlternate) {
  Plan plan;
  plan.conditions = {"caption"};
  plan.targets = {target("tok_rgb@224", 2), target("tok_depth@224"), target("tok_rgb@224", 3)};
  plan.targets[0].tokens = 40;
  for (Target& t : plan.targets) t.scheme = "roar", t.guidance = 2;
  const auto steps = expand(plan, official);
  ASSERT_EQ(steps.size(), 6u);
  int64_t written = 0;
  for (const size_t i : {0, 1, 3, 4, 5}) {
    EXPECT_EQ(steps[i].tokens_before, written) << i;
    EXPECT_EQ(steps[i].tokens_total, 196);
    written += steps[i].tokens;
  }
  EXPECT_EQ(written, 196);
  EXPECT_EQ(steps[0].tokens + steps[1].tokens, 40);
  // The part of the image is a condition of the depth map, and no condition of its own rest.
  EXPECT_EQ(steps[2].guidance.conditions, (std::vector<std::string>{"caption", "tok_rgb@224"}));
  EXPECT_EQ(steps[3].guidance.conditions, (std::vector<std::string>{"caption", "tok_depth@224"}));

  plan.targets[2].tokens = 100;
  EXPECT_EQ(test::message_of([&] { expand(plan, official); }),
            "modality 'tok_rgb@224': the plan generates 140 of 196 tokens; leave 'tokens' out of its last entry, which "
            "then generates the rest (a rule of generation.yaml with 'tokens' needs the scheme maskgit or roar, so that "
            "the next rule follows)");
  plan.targets[2].tokens = 157;
  EXPECT_NE(test::message_of([&] { expand(plan, official); }).find("156 of its 196 tokens are left"),
            std::string::npos);
  plan.targets[0].tokens = plan.targets[2].tokens = 0;
  EXPECT_NE(test::message_of([&] { expand(plan, official); }).find("names it again"), std::string::npos);
  plan.targets = {target("caption"), target("caption")};
  EXPECT_NE(test::message_of([&] { expand(plan, official); }).find("names it twice"), std::string::npos);
}

TEST(Plan, WeightsOfConditionsMakeGuidanceWeighted) {
  Plan plan;
  plan.conditions = {"caption#1", "caption#2", "det"};
  plan.targets = {target("tok_depth@224"), target("tok_rgb@224")};
  plan.targets[0].guidance = 3;
  const auto steps = expand(plan, official, {{"caption#1", 2.0}, {"caption#2", -1.5}});
  ASSERT_EQ(steps.size(), 2u);
  const auto& terms = steps[0].guidance.terms;
  ASSERT_EQ(terms.size(), 3u);
  EXPECT_EQ(terms[0].weight, 2);
  EXPECT_EQ(terms[1].weight, -1.5);
  EXPECT_EQ(terms[1].conditions, (std::vector<std::string>{"caption#2"}));
  EXPECT_EQ(terms[2].weight, 3) << "without a weight: the target's scale";
  EXPECT_EQ(steps[1].guidance.terms.size(), 4u) << "the finished depth map is a condition";
  plan.targets[0].guidance = 1;
  plan.targets[0].weights = {1, 1, 1};
  EXPECT_NE(test::message_of([&] {
              expand(plan, official, {{"det", 2.0}});
            }).find("an input has a weight too"),
            std::string::npos);
}

TEST(Plan, ATargetMayHaveFiltersOfItsOwn) {
  Plan plan;
  plan.top_k = 5;
  plan.top_p = 0.8;
  plan.targets = {target("tok_depth@224"), target("tok_rgb@224"), target("caption")};
  plan.targets[1].top_k_share = 0.5;
  plan.targets[2].top_p = 0.0;
  const auto steps = expand(plan, official);
  EXPECT_EQ(steps[0].filter.top_k, 5);
  EXPECT_EQ(steps[0].filter.top_p, 0.8);
  EXPECT_EQ(steps[1].filter.top_k, 0) << "a share instead of a number";
  EXPECT_EQ(steps[1].filter.top_k_share, 0.5);
  EXPECT_EQ(steps[2].filter.top_p, 0);
  plan.targets[2].top_p = -1;
  EXPECT_EQ(test::message_of([&] { expand(plan, official); }),
            "modality 'caption': top_p is -1, expected a finite number from 0 on");
}

TEST(Plan, FilesAreReadStrictly) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "plan.yaml";
  write_file(file, "top_p: 0.8\ntargets: [{modality: caption, temperature: 0.5}]\n");
  const Plan plan = read_plan(file);
  EXPECT_EQ(plan.targets.at(0).temperature, 0.5);
  EXPECT_EQ(plan.filter(plan.targets[0]).top_p, 0.8);
  write_file(file, "targets: []\n");
  EXPECT_EQ(test::message_of([&] { read_plan(file); }), file.string() + ": the plan has no targets");
  write_file(file, "targets: [{modality: caption, temprature: 1}]\n");
  EXPECT_NE(test::message_of([&] { read_plan(file); }).find("did you mean 'temperature'?"), std::string::npos);
}

TEST(Plan, PlansExpandLikeTheOriginal) {
  FOURM_NEEDS_TABLES;
  for (const auto& row : test::tables()["chained"]) {
    const Json& a = row["args"];
    Plan plan;
    plan.conditions = a["cond_domains"].get<std::vector<std::string>>();
    plan.grow_conditions = a["cfg_grow_conditioning"].get<bool>();
    plan.grow_text_conditions = false;
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
    const auto steps = expand(plan, official);
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

TEST(Plan, ImpossibleNumbersAreRefused) {
  const auto refused = [&](const std::function<void(Plan&)>& change) {
    Plan plan;
    plan.targets.resize(1);
    plan.targets[0].modality = "tok_depth@224";
    plan.conditions = {"caption"};
    expand(plan, official);
    change(plan);
    return test::message_of([&] { expand(plan, official); }) != "no error";
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
TEST(Plan, SettingsThatDoNotApplyAreRefused) {
  const auto refusal = [&](const std::string& target, const std::function<void(Plan&)>& change) {
    Plan plan;
    plan.targets.resize(1);
    plan.targets[0].modality = target;
    plan.conditions = {"rgb@224"};
    change(plan);
    return test::message_of([&] { expand(plan, official); });
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
  EXPECT_EQ(refusal("caption", [](Plan& p) { p.targets[0].guidance_schedule = "constant"; }), "no error");

  // A number of tokens: of a sequence within its slots, of a grid its own.
  for (const int64_t tokens : {1, 257})
    expect(refusal("caption", [&](Plan& p) { p.targets[0].tokens = tokens; }), "expected 2 to 256");
  for (const int64_t tokens : {2, 256})
    EXPECT_EQ(refusal("caption", [&](Plan& p) { p.targets[0].tokens = tokens; }), "no error");
  expect(refusal("tok_depth@224", [&](Plan& p) { p.targets[0].tokens = 20; }), "the plan generates 20 of 196 tokens");
  expect(refusal("tok_depth@224", [&](Plan& p) { p.targets[0].tokens = 197; }), "196 of its 196 tokens are left");
  EXPECT_EQ(refusal("tok_depth@224", [](Plan& p) { p.targets[0].tokens = 196; }), "no error");

  expect(refusal("caption", [](Plan& p) { p.targets[0].weights = {2}, p.targets[0].guidance = 3; }), "not both");
  expect(
      refusal("tok_depth@224", [](Plan& p) { p.targets[0].weights = {2}, p.targets[0].guidance_schedule = "cosine"; }),
      "not both");
  expect(refusal("caption", [](Plan& p) { p.top_k = 5, p.top_k_share = 0.5; }), "top_k is 5 and top_k_share 0.5");
}

TEST(Plan, TheFormerKeyOfTextConditionsIsReadWithAWarning) {
  const test::CapturedLog captured;
  Plan plan;
  read_config(parse_yaml("{targets: [{modality: caption}], grow_texts: false}", "plan.yaml"), plan, "plan.yaml");
  EXPECT_FALSE(plan.grow_text_conditions);
  EXPECT_NE(captured.warnings().find("plan.yaml: 'grow_texts' is read as 'grow_text_conditions'"), std::string::npos);
}

}  // namespace
}  // namespace fourm
