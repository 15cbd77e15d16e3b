#include "fourm/generate/defaults.h"

#include <gtest/gtest.h>

#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

using NameList = std::vector<std::string>;

// What `get` returns for each target of a plan.
template <class Get>
auto of_targets(const Plan& plan, const Get& get) {
  std::vector<decltype(get(plan.targets.front()))> found;
  for (const Target& target : plan.targets) found.push_back(get(target));
  return found;
}

TEST(GenerationDefaults, NamesMatchWithOrWithoutSize) {
  for (const char* pattern : {"tok_depth", "tok_depth@224", "tok_*", "*", "tok_*@224", "*depth*"})
    EXPECT_TRUE(matches_modality(pattern, "tok_depth@224")) << pattern;
  for (const char* pattern : {"depth", "tok_depth@448", "", "tok_", "*@448", "tok_depth@22"})
    EXPECT_FALSE(matches_modality(pattern, "tok_depth@224")) << pattern;
}

TEST(GenerationDefaults, ThePresetHasTheSettingsOfTheAuthors) {
  const auto target = [](const char* name, const NameList& inputs) {
    return GenerationDefaults::preset(true).plan({name}, inputs, {}).targets.at(0);
  };
  const Target pixels = target("tok_depth@224", {"caption", "rgb@224"});
  EXPECT_EQ(pixels.scheme, "roar");
  EXPECT_EQ(pixels.steps, 1);
  EXPECT_EQ(pixels.temperature, 0.01);
  EXPECT_EQ(pixels.guidance, 2);
  const Target tokens = target("tok_depth@224", {"tok_rgb@224"});
  EXPECT_EQ(tokens.steps, 1);
  EXPECT_EQ(tokens.temperature, 0.01);
  EXPECT_EQ(target("tok_rgb@224", {"tok_rgb@224"}).steps, 25) << "in-painting";
  EXPECT_EQ(target("tok_clip@224", {"caption"}).steps, 50);
  EXPECT_EQ(target("tok_clip@224", {"caption"}).temperature_schedule, "onex:0.5:0.5");
  EXPECT_EQ(target("tok_rgb@224", {"caption"}).steps, 25);
  EXPECT_EQ(target("tok_normal@224", {"caption"}).steps, 8);
  EXPECT_EQ(target("tok_dinov2@224", {"caption"}).temperature, 0.01);
  EXPECT_EQ(target("tok_rgb@448", {"tok_rgb@224"}).scheme, "maskgit");
  EXPECT_EQ(target("caption", {"rgb@224"}).temperature, 0.3);
  EXPECT_EQ(target("caption", {"rgb@224"}).guidance, 1);
  EXPECT_EQ(target("sam_instance", {}).temperature, 0.01);
  const Plan plan = GenerationDefaults::preset(true).plan({"caption"}, {}, {});
  EXPECT_EQ(plan.top_p, 0.8);
  EXPECT_TRUE(plan.grow_conditions && !plan.grow_text_conditions);
  EXPECT_TRUE(GenerationDefaults::preset(false).plan({"caption"}, {}, {}).grow_text_conditions);
}

TEST(GenerationDefaults, EveryOfficialTargetHasARule) {
  const ModalityTable table = ModalityTable::official();
  for (const auto& name : table.names())
    for (const NameList& inputs : {NameList{}, NameList{"rgb@224"}}) {
      if (table.at(name).kind != ModalityKind::kTokens && table.at(name).kind != ModalityKind::kSequence) continue;
      const Plan plan = GenerationDefaults::preset(true).plan({name}, inputs, {});
      EXPECT_FALSE(plan.targets.at(0).scheme.empty()) << name;
      EXPECT_FALSE(expand(plan, [&](const std::string& n) { return table.at(n); }).empty());
    }
}

// Tokens of an image are an input as its pixels are, but not where they are in-painted.
TEST(GenerationDefaults, TheBundledModelReadsTokensOfImagesAsItReadsPixels) {
  const GenerationDefaults defaults =
      GenerationDefaults::read(fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti/generation.yaml");
  const auto steps = [&](const NameList& targets, const NameList& inputs) {
    return of_targets(defaults.plan(targets, inputs, {"tok_semseg@128", "tok_depth@128", "tok_rgb@128"}),
                      [](const Target& t) { return t.steps; });
  };
  using Steps = std::vector<int64_t>;
  EXPECT_EQ(steps({"tok_depth@128"}, {"rgb@128"}), Steps{1});
  EXPECT_EQ(steps({"tok_depth@128"}, {"tok_rgb@128"}), Steps{1});
  EXPECT_EQ(steps({"tok_depth@128"}, {"caption"}), Steps{12});
  EXPECT_EQ(steps({"tok_rgb@128"}, {"tok_rgb@128"}), (Steps{12, 12}));
  const auto guidance = [&](const NameList& inputs) {
    return defaults.plan({"tok_rgb@128"}, inputs, {"tok_rgb@128"}).targets.at(0).guidance;
  };
  EXPECT_EQ(guidance({"semseg"}), 2);
  EXPECT_EQ(guidance({"tok_semseg@128", "det"}), 2);
  EXPECT_EQ(guidance({"tok_semseg@128", "caption"}), 3);
  EXPECT_EQ(guidance({"depth"}), 3);
}

TEST(GenerationDefaults, ARuleMayGenerateSomeTokensAndTheNextTheRest) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "generation.yaml";
  write_file(file,
             "rules:\n"
             "  - {targets: [tok_rgb], scheme: maskgit, tokens: 40, steps: 4}\n"
             "  - {targets: [caption], scheme: autoregressive, tokens: 20}\n"
             "  - {targets: [tok_depth], inputs: [rgb], scheme: roar, tokens: 10, steps: 2}\n"
             "  - {targets: [\"*\"], steps: 3}\n"
             "  - {targets: [\"*\"], steps: 5}\n");
  const GenerationDefaults defaults = GenerationDefaults::read(file);
  using Entry = std::pair<int64_t, int64_t>;  // tokens, steps
  const auto entries = [&](const std::string& target) {
    return of_targets(defaults.plan({target}, {"det"}, {target}), [&](const Target& t) {
      EXPECT_EQ(t.modality, target);
      return Entry{t.tokens, t.steps};
    });
  };
  EXPECT_EQ(entries("tok_rgb@128"), (std::vector<Entry>{{40, 4}, {0, 3}}));
  EXPECT_EQ(entries("tok_depth@128"), (std::vector<Entry>{{0, 3}})) << "the partial rule needs another input";
  EXPECT_EQ(entries("caption"), (std::vector<Entry>{{20, 1}})) << "the tokens of a text are its maximum length";
}

TEST(GenerationDefaults, AFileMaySendATargetThroughOthers) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "generation.yaml";
  write_file(file,
             "rules:\n"
             "  - {targets: [tok_rgb], inputs: [caption], chain: [tok_semseg, tok_clip], steps: 12}\n"
             "  - {targets: [\"*\"], steps: 3}\n");
  const GenerationDefaults defaults = GenerationDefaults::read(file);
  const auto names = [&](const NameList& targets, const NameList& inputs) {
    return of_targets(defaults.plan(targets, inputs, {"caption", "tok_clip@128", "tok_rgb@128", "tok_semseg@128"}),
                      [](const Target& t) { return t.modality; });
  };
  EXPECT_EQ(names({"tok_rgb@128"}, {"caption"}), (NameList{"tok_semseg@128", "tok_clip@128", "tok_rgb@128"}));
  EXPECT_EQ(names({"tok_rgb@128"}, {"caption", "tok_semseg@128"}), (NameList{"tok_clip@128", "tok_rgb@128"}));
  EXPECT_EQ(names({"tok_rgb@128", "tok_clip@128"}, {"caption"}),
            (NameList{"tok_semseg@128", "tok_rgb@128", "tok_clip@128"}))
      << "the order of the user stays";
  EXPECT_EQ(names({"tok_rgb@128"}, {"det"}), NameList{"tok_rgb@128"});
  write_file(file, "rules: [{steps: 3}]\n");
  EXPECT_EQ(test::message_of([&] { GenerationDefaults::read(file); }), file.string() + ": rules[0] has no 'targets'");
  write_file(file, "rules: [{targets: [a], stesp: 3}]\n");
  EXPECT_NE(test::message_of([&] { GenerationDefaults::read(file); }).find("did you mean 'steps'?"), std::string::npos);
}

TEST(GenerationDefaults, FormerKeysAreReadWithAWarning) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "generation.yaml";
  write_file(file, "grow_texts: false\nrules: [{targets: [tok_rgb], via: [tok_semseg]}]\n");
  const test::CapturedLog captured;
  const GenerationDefaults defaults = GenerationDefaults::read(file);
  EXPECT_EQ(defaults.rules.at(0).chain, NameList{"tok_semseg"});
  EXPECT_FALSE(defaults.grow_text_conditions);
  EXPECT_NE(captured.warnings().find("'via' is read as 'chain'"), std::string::npos) << captured.warnings();
  EXPECT_NE(captured.warnings().find("'grow_texts' is read as 'grow_text_conditions'"), std::string::npos);
  write_file(file, "rules: [{targets: [tok_rgb], via: [a], chain: [b]}]\n");
  EXPECT_NE(test::message_of([&] { GenerationDefaults::read(file); }).find("'via' is the former name of 'chain'"),
            std::string::npos);
}

}  // namespace
}  // namespace fourm
