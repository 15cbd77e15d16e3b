// In-painting by the bundled model on a few rooms: what is compared, not how good it is.
#include "fourm/eval/inpainting.h"

#include <gtest/gtest.h>

#include "tests/support/evaluated_rooms.h"
#include "tests/support/message_of.h"

namespace fourm {
namespace {

class EvaluateInpainting : public test::EvaluatedRooms {
 protected:
  static EvaluationResult run(const std::string& keep, const std::vector<std::string>& inputs = {}, uint64_t seed = 0) {
    EvaluateOptions options;
    options.data = folder_.string();
    options.count = 3;
    options.inputs = inputs;
    options.seed = seed;
    return evaluate_inpainting(*pipeline_, options, keep);
  }
};

TEST_F(EvaluateInpainting, TheRestIsComparedWithUnconditionalImages) {
  const EvaluationResult result = run("left");
  ASSERT_EQ(result.input_sets.size(), 2u);
  EXPECT_EQ(result.input_sets[0].inputs, "kept left");
  EXPECT_EQ(result.input_sets[1].inputs, "unconditional");
  for (const auto& set : result.input_sets) {
    ASSERT_EQ(set.measures.size(), 2u);
    EXPECT_EQ(set.measures[0].name, "rgb: hidden part, PSNR");
    EXPECT_EQ(set.measures[1].name, "rgb: hidden part, mIoU");
    EXPECT_EQ(set.measures[1].ceiling, 1) << "the segmentation of the true image is compared with itself";
    for (const auto& measure : set.measures) EXPECT_GT(measure.ceiling, measure.model.mean) << measure.name;
  }
  const auto& unconditional = result.input_sets[1].measures;
  EXPECT_DOUBLE_EQ(unconditional[0].model.mean, unconditional[0].baseline);
  EXPECT_DOUBLE_EQ(result.input_sets[0].measures[0].baseline, unconditional[0].baseline);
}

TEST_F(EvaluateInpainting, TheRegionInputsAndSeedMatter) {
  const auto psnr = [](const EvaluationResult& result) { return result.input_sets[0].measures[0].model.mean; };
  const double left = psnr(run("left"));
  EXPECT_EQ(psnr(run("left")), left);
  EXPECT_NE(psnr(run("right")), left);
  EXPECT_NE(psnr(run("left", {}, 1)), left);
  const EvaluationResult with_depth = run("left", {"depth"});
  EXPECT_NE(psnr(with_depth), left);
  EXPECT_NE(with_depth.input_sets[0].inputs.find("depth"), std::string::npos);
}

TEST_F(EvaluateInpainting, ARegionKeepsSomeTokens) {
  EXPECT_NE(test::message_of([&] { run("all"); }).find("keeps 64 of 64 tokens"), std::string::npos);
  EXPECT_NE(test::message_of([&] { run("0,0,0.05,0.05"); }).find("keeps 0 of 64 tokens"), std::string::npos);
}

}  // namespace
}  // namespace fourm
