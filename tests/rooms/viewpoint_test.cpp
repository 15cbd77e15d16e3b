// The light and the camera of rooms.
#include <gtest/gtest.h>

#include "fourm/rooms/layout.h"

namespace fourm {
namespace {

TEST(Viewpoint, TheCameraStandsUprightInTheRoomAndSeesFurniture) {
  const Catalogue catalogue("/nonexistent");
  const PartModels part_models(catalogue, Split::kAll);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Room room = make_room(catalogue, part_models, random);
    const auto& [position, axes, tangent] = room.camera;
    EXPECT_GT(std::min({position.x, position.y, position.z}), 0.25f);
    EXPECT_GT(std::min({room.size.x - position.x, room.size.y - position.y, room.size.z - position.z}), 0.25f);
    EXPECT_TRUE(tangent >= 0.6f && tangent <= 0.9f);
    const Mat3 identity = axes * axes.transposed();
    EXPECT_LT(
        length(identity.x - Vec3{1, 0, 0}) + length(identity.y - Vec3{0, 1, 0}) + length(identity.z - Vec3{0, 0, 1}),
        1e-5f);
    EXPECT_LT(length(cross(axes.x, axes.y) - axes.z), 1e-5f) << "right-handed";
    EXPECT_EQ(axes.x.y, 0) << "the horizon is level";
    EXPECT_GT(axes.y.y, 0);
    for (const ObjectInstance& instance : room.instances)
      EXPECT_FALSE(instance.box.overlaps({position, position + Vec3{1e-3f, 1e-3f, 1e-3f}})) << instance.name;
    int furniture = 0;
    for (const Hit& hit : View(room.objects, room.camera).trace(24, 24, Layer::kAll))
      furniture += hit && is_furniture(room.objects[hit.object].semantic);
    EXPECT_GT(furniture, 0);
  }
}

TEST(Viewpoint, LightComesFromAboveAndTheLampHangsInTheRoom) {
  const Catalogue catalogue("/nonexistent");
  const PartModels part_models(catalogue, Split::kAll);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const Room room = make_room(catalogue, part_models, random);
    const Lighting& light = room.light;
    EXPECT_NEAR(length(light.key_from), 1, 1e-5);
    EXPECT_GT(light.key_from.y, 0.6f);
    EXPECT_GT(std::min({light.key.x, light.key.y, light.key.z, light.ambient_ceiling.x, light.ambient_floor.x}), 0);
    EXPECT_TRUE(light.lamp_at.x > 0 && light.lamp_at.x < room.size.x && light.lamp_at.z > 0 &&
                light.lamp_at.z < room.size.z);
    EXPECT_TRUE(light.lamp_at.y >= 1.6f && light.lamp_at.y < room.size.y);
  }
}

}  // namespace
}  // namespace fourm
