#include "fourm/rooms/surfaces.h"

#include <gtest/gtest.h>

#include <set>

namespace fourm {
namespace {

TEST(Surfaces, ColoursHaveTheirUsualNames) {
  const std::vector<std::pair<Colour, std::string>> known{
      {{255, 255, 255}, "white"}, {{10, 10, 10}, "black"},  {{128, 128, 128}, "grey"},  {{220, 20, 20}, "red"},
      {{255, 150, 30}, "orange"}, {{120, 70, 30}, "brown"}, {{230, 215, 180}, "beige"}, {{250, 230, 40}, "yellow"},
      {{40, 160, 60}, "green"},   {{40, 80, 200}, "blue"},  {{120, 50, 170}, "purple"}, {{250, 150, 180}, "pink"}};
  for (const auto& [colour, name] : known) EXPECT_EQ(colour_name(to_linear(colour)), name);
}

TEST(Surfaces, HueSaturationAndValueGiveTheirColour) {
  const auto bytes = [](Vec3 c) { return Colour{to_srgb(c.x), to_srgb(c.y), to_srgb(c.z)}; };
  EXPECT_EQ(bytes(hsv(0, 1, 1)), (Colour{255, 0, 0}));
  EXPECT_EQ(bytes(hsv(60, 1, 1)), (Colour{255, 255, 0}));
  EXPECT_EQ(bytes(hsv(240, 1, 1)), (Colour{0, 0, 255}));
  EXPECT_EQ(bytes(hsv(123, 0, 1)), (Colour{255, 255, 255}));
  EXPECT_EQ(bytes(hsv(200, 1, 0)), (Colour{0, 0, 0}));
}

TEST(Surfaces, TheSameSeedGivesTheSameFinish) {
  const std::set<std::string> floors{"wooden", "tiled", "carpet", "stone"},
      walls{"plain", "striped", "dotted", "tiled", "brick"};
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 60; ++seed)
    for (const bool wet : {false, true}) {
      Random first(seed), second(seed);
      const SurfaceFinish floor = random_floor(first, wet), again = random_floor(second, wet);
      EXPECT_EQ(floor.kind, again.kind);
      EXPECT_EQ(floor.colour, again.colour);
      for (const Vec2 at : {Vec2{0.1f, 0.2f}, Vec2{0.7f, 0.9f}})
        EXPECT_EQ(length(floor.material.texture->colour(at, 0) - again.material.texture->colour(at, 0)), 0);
      EXPECT_TRUE(floors.contains(floor.kind)) << floor.kind;
      EXPECT_FALSE(wet && floor.kind == "carpet") << "a wet room has no carpet";
      const SurfaceFinish wall = random_wall(first, wet);
      EXPECT_TRUE(walls.contains(wall.kind)) << wall.kind;
      EXPECT_GT(floor.period, 0);
      seen.insert({floor.kind, wall.kind});
    }
  EXPECT_GE(seen.size(), 7u);
}

}  // namespace
}  // namespace fourm
