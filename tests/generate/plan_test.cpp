#include "fourm/generate/plan.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"
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

TEST(Plan, FinishedGridsBecomeConditionsOfLaterTargets) {
  using Names = std::vector<std::string>;
  for (const bool grow : {true, false}) {
    Plan plan;
    plan.conditions = {"rgb@224"};
    plan.grow_conditions = grow;
    plan.targets = {target("tok_depth@224"), target("caption"), target("tok_normal@224")};
    for (Target& t : plan.targets) t.guidance = 2;
    const auto steps = expand(plan, official);
    ASSERT_EQ(steps.size(), 3u);
    EXPECT_EQ(steps[0].guidance.conditions, (Names{"rgb@224"}));
    const Names later = grow ? Names{"rgb@224", "tok_depth@224"} : Names{"rgb@224"};
    EXPECT_EQ(steps[1].guidance.conditions, later);
    EXPECT_EQ(steps[2].guidance.conditions, later) << "a text is no condition";
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

TEST(Plan, DefaultTargetsExpand) {
  for (const char* name : {"caption", "tok_depth@224"})
    for (const bool from_pixels : {true, false}) {
      Plan plan;
      plan.targets = {default_target(official(name), from_pixels)};
      EXPECT_EQ(plan.targets[0].modality, name);
      EXPECT_EQ(expand(plan, official).size(), std::string(name) == "caption" || from_pixels ? 1u : 8u);
    }
}

TEST(Plan, FilesAreReadStrictly) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "plan.yaml";
  write_file(file, "top_p: 0.8\ntargets: [{modality: caption, temperature: 0.5}]\n");
  const Plan plan = read_plan(file);
  EXPECT_EQ(plan.targets.at(0).temperature, 0.5);
  EXPECT_EQ(plan.filter().top_p, 0.8);
  write_file(file, "targets: []\n");
  EXPECT_EQ(test::message_of([&] { read_plan(file); }), file.string() + ": the plan has no targets");
  write_file(file, "targets: [{modality: caption, temprature: 1}]\n");
  EXPECT_NE(test::message_of([&] { read_plan(file); }).find("did you mean 'temperature'?"), std::string::npos);
}

}  // namespace
}  // namespace fourm
