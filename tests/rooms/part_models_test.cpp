#include "fourm/rooms/part_models.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/message_of.h"

namespace fourm {
namespace {

TEST(PartModels, ModelsSuitTheirPartAndSplit) {
  const Catalogue catalogue("/nonexistent");
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    const PartModels models(catalogue, split);
    for (const auto& [part, semantic] :
         {std::pair{"sofa", kSofa}, {"bed", kBed}, {"fridge", kRefrigerator}, {"tv", kTelevision}}) {
      Random random(1), again(1);
      std::set<int64_t> drawn;
      for (int i = 0; i < 50; ++i) {
        const int64_t model = models.draw(part, random);
        ASSERT_EQ(models.draw(part, again), model) << "the same seed";
        ASSERT_GE(model, 0) << part;
        EXPECT_EQ(catalogue.models()[static_cast<size_t>(model)].semantic, semantic);
        EXPECT_EQ(catalogue.models()[static_cast<size_t>(model)].split, split);
        drawn.insert(model);
      }
      EXPECT_GT(drawn.size(), 1u) << part;
    }
  }
}

TEST(PartModels, APartWithoutModelsIsMinusOne) {
  const PartModels models(Catalogue("/nonexistent"), Split::kAll);
  Random random(1);
  EXPECT_EQ(models.draw("piano", random), -1) << "no solid is a piano";
  EXPECT_EQ(test::message_of([&] { models.draw("throne", random); }), "[PartModels] there is no part 'throne'");
}

}  // namespace
}  // namespace fourm
