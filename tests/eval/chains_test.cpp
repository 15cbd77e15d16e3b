// Chains of the bundled model on a few rooms: what is generated and compared, not how good it is.
#include "fourm/eval/chains.h"

#include <gtest/gtest.h>

#include <gtest/gtest.h>
#include "fourm/core/error.h"

#include "tests/support/evaluated_rooms.h"
#include "tests/support/message_of.h"

namespace fourm {
namespace {

TEST(Sweep, ReadsAKeyAndValues) {
  const Sweep sweep = Sweep::parse("guidance=1, 2.5,-3");
  EXPECT_EQ(sweep.key, "guidance");
  EXPECT_EQ(sweep.values, (std::vector<double>{1, 2.5, -3}));
  const std::vector<std::pair<std::string, std::string>> cases{
      {"guidance", "expected KEY=VALUE,VALUE"},  {"guidence=1", "did you mean 'guidance'"},
      {"steps=1,", "'' is not a number"},        {"steps=2.5", "integers from 1 on"},
      {"steps=0", "integers from 1 on"},         {"temperature=-1", "at least 0"},
      {"guidance=inf", "'inf' is not a number"}, {"guidance=1x", "'1x' is not a number"}};
  for (const auto& [text, message] : cases)
    EXPECT_NE(test::message_of([&] { Sweep::parse(text); }).find(message), std::string::npos) << text;
}

class EvaluateChains : public test::EvaluatedRooms {
 protected:
  static EvaluateOptions options(const std::string& inputs) {
    EvaluateOptions options;
    options.data = folder_.string();
    options.count = 2;
    options.inputs = {inputs};
    return options;
  }
  static std::string refusal(const std::string& inputs, const std::vector<std::string>& chains) {
    return test::message_of([&] { compare_chains(*pipeline_, options(inputs), chains); });
  }
};

TEST_F(EvaluateChains, EachChainIsMeasuredAndTheTruthIsTheSame) {
  const ChainsResult result =
      compare_chains(*pipeline_, options("caption"), {"direct", "semseg+depth"}, Sweep{"steps", {1, 2}});
  ASSERT_EQ(result.chains.size(), 4u);
  EXPECT_EQ(result.samples, 2);
  EXPECT_EQ(result.chains[1].name, "direct");
  EXPECT_EQ(result.chains[1].value, 2);
  EXPECT_EQ(result.chains[2].name, "via semseg+depth");
  ASSERT_FALSE(result.chains[0].measures.empty());
  EXPECT_EQ(result.chains[0].measures[0].name, "rgb PSNR");
  for (const auto& chain : result.chains) {
    EXPECT_EQ(chain.measures[0].ceiling, result.chains[0].measures[0].ceiling);
    EXPECT_EQ(chain.measures[0].baseline, result.chains[0].measures[0].baseline);
  }
  EXPECT_NE(result.chains[0].measures[0].model.mean, result.chains[1].measures[0].model.mean) << "steps";
  EXPECT_NE(result.chains[0].measures[0].model.mean, result.chains[2].measures[0].model.mean) << "chains";

  const Json json = to_json(result);
  EXPECT_EQ(json["given"], "caption");
  EXPECT_EQ(json["chains"][3]["chain"], "via semseg+depth");
  EXPECT_EQ(json["chains"][3]["steps"], 2);
  EXPECT_EQ(json["chains"][3]["measures"][0]["measure"], "rgb PSNR");
  const std::string table = chains_table(result), plot = sweep_svg(result);
  for (const char* text :
       {"2 samples", "caption -> rgb", "rgb PSNR (higher)", "direct, steps 1", "via semseg+depth, steps 2"})
    EXPECT_NE(table.find(text), std::string::npos) << table;
  EXPECT_NE(plot.find("via semseg+depth"), std::string::npos);
}

TEST_F(EvaluateChains, ChainsThatCannotBeAreNamed) {
  EXPECT_NE(refusal("caption", {"semsge"}).find("generates no 'semsge' before the image (did you mean 'semseg'?)"),
            std::string::npos);
  EXPECT_NE(refusal("caption", {"depth+rgb"}).find("generates no 'rgb' before the image"), std::string::npos);
  EXPECT_NE(refusal("depth", {"depth"}).find("'depth' is an input already"), std::string::npos);
  EXPECT_NE(refusal("rgb", {"direct"}).find("leave no image to generate"), std::string::npos);
}

}  // namespace
}  // namespace fourm
