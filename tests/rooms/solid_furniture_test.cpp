#include "fourm/rooms/solid_furniture.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace fourm {
namespace {

TEST(SolidFurniture, EachKindHasTwentyDifferentPieces) {
  std::set<std::string> ids;
  std::map<std::string, std::set<float>> widths;
  for (const FurnitureModel& model : solid_models()) {
    ids.insert(model.id);
    widths[model.name].insert(model.size.x);
    EXPECT_GT(std::min({model.size.x, model.size.y, model.size.z}), 0) << model.id;
    EXPECT_NE(model.semantic, kOther) << model.id;
    EXPECT_TRUE(model.archive.empty());
    EXPECT_FALSE(model.licence.empty());
  }
  EXPECT_EQ(ids.size(), solid_models().size());
  for (const auto& [name, of] : widths) EXPECT_EQ(of.size(), 20u) << name;
}

TEST(SolidFurniture, WhatCarriesThingsHasALevelTop) {
  for (const FurnitureModel& model : solid_models()) {
    if (!model.supports_objects) continue;
    const auto top = support_height(solid_mesh(model), {}, model.size * 0.2f);
    ASSERT_TRUE(top) << model.id;
    EXPECT_NEAR(*top, model.size.y, 0.1 * model.size.y) << model.id;
  }
}

}  // namespace
}  // namespace fourm
