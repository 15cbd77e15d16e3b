// Doors, windows, curtains, pictures and rugs.
#include <gtest/gtest.h>

#include <map>

#include "fourm/rooms/layout.h"

namespace fourm {
namespace {

TEST(Decoration, FlatThingsLieAtWallsAndOnTheFloor) {
  const Catalogue catalogue("/nonexistent");
  const PartModels part_models(catalogue, Split::kAll);
  std::map<RoomClass, int> found;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const Room room = make_room(catalogue, part_models, random);
    for (const ObjectInstance& instance : room.instances) {
      SCOPED_TRACE(instance.name);
      const auto& [low, high] = instance.box;
      const float to_wall = std::min({low.x, low.z, room.size.x - high.x, room.size.z - high.z});
      switch (instance.semantic) {
        case kDoor: EXPECT_NEAR(low.y, 0, 1e-3); [[fallthrough]];
        case kWindow:
        case kPicture:
        case kCurtain:
          EXPECT_LT(to_wall, 0.05f);
          EXPECT_LT(high.y, room.size.y);
          break;
        case kRug:
          EXPECT_NEAR(low.y, 0, 1e-3);
          EXPECT_LT(high.y, 0.05f);
          break;
        default: continue;
      }
      ++found[instance.semantic];
    }
  }
  for (const RoomClass c : {kDoor, kWindow, kPicture, kCurtain, kRug}) EXPECT_GT(found[c], 5) << class_name(c);
}

}  // namespace
}  // namespace fourm
