// Rooms before they are rendered: what stands where, and the seed.
#include "fourm/rooms/room_builder.h"

#include <gtest/gtest.h>

#include <set>

namespace fourm {
namespace {

class RoomBuilding : public testing::Test {
 protected:
  Room room(uint64_t seed) const {
    Random random(seed);
    return make_room(catalogue_, part_models_, random);
  }

  const Catalogue catalogue_{"/nonexistent"};
  const PartModels part_models_{catalogue_, Split::kAll};
};

TEST_F(RoomBuilding, TheSeedDecides) {
  std::set<float> widths;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Room one = room(seed), two = room(seed);
    ASSERT_EQ(one.instances.size(), two.instances.size());
    for (size_t i = 0; i < one.instances.size(); ++i) {
      EXPECT_EQ(one.instances[i].name, two.instances[i].name);
      EXPECT_EQ(length(one.instances[i].box.low - two.instances[i].box.low), 0);
      EXPECT_EQ(length(one.instances[i].box.high - two.instances[i].box.high), 0);
    }
    EXPECT_EQ(length(one.camera.position - two.camera.position), 0);
    widths.insert(one.size.x);
  }
  EXPECT_EQ(widths.size(), 20u);
}

TEST_F(RoomBuilding, ObjectsBelongToTheirInstances) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Room made = room(seed);
    std::set<int> shown;
    for (const SceneObject& object : made.objects) {
      ASSERT_LE(object.instance, made.instances.size());
      if (object.instance == 0) {
        EXPECT_TRUE(object.semantic == kWall || object.semantic == kFloor || object.semantic == kCeiling);
        continue;
      }
      const ObjectInstance& instance = made.instances[object.instance - 1u];
      EXPECT_EQ(object.semantic, instance.semantic) << instance.name;
      shown.insert(object.instance);
      const Vec3 slack{0.02f, 0.02f, 0.02f}, low = instance.box.low - slack, high = instance.box.high + slack;
      for (const Vec3 point : object.mesh->points) {
        const Vec3 p = object.rotation * point + object.offset;
        ASSERT_TRUE(low.x <= p.x && low.y <= p.y && low.z <= p.z && p.x <= high.x && p.y <= high.y && p.z <= high.z)
            << instance.name << " reaches out of its box";
      }
    }
    EXPECT_EQ(shown.size(), made.instances.size());
  }
}

TEST_F(RoomBuilding, WallsFloorAndCeilingFaceTheRoom) {
  const Room made = room(1);
  const Vec3 middle = made.size * 0.5f;
  int faces = 0;
  for (const SceneObject& object : made.objects) {
    if (object.instance != 0) continue;
    for (const Face& face : object.mesh->faces) {
      const auto point = [&](int k) { return object.rotation * object.mesh->points[face.point[k]] + object.offset; };
      const Vec3 normal = cross(point(1) - point(0), point(2) - point(0));
      EXPECT_GT(dot(normal, middle - point(0)), 0) << class_name(object.semantic);
      ++faces;
    }
  }
  EXPECT_GE(faces, 12);
}

// The furniture that a kind of room is named after.
TEST_F(RoomBuilding, EachKindOfRoomHasItsFurniture) {
  std::map<RoomKind, std::map<RoomClass, int>> with;
  std::map<RoomKind, int> rooms;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Room made = room(seed);
    ++rooms[made.kind];
    std::set<RoomClass> classes;
    for (const ObjectInstance& instance : made.instances) classes.insert(instance.semantic);
    for (const RoomClass c : classes) ++with[made.kind][c];
  }
  EXPECT_EQ(rooms.size(), 5u);
  for (const auto& [kind, semantic] : {std::pair{RoomKind::kLiving, kSofa},
                                       {RoomKind::kBedroom, kBed},
                                       {RoomKind::kKitchen, kStove},
                                       {RoomKind::kBath, kToilet},
                                       {RoomKind::kOffice, kChair}})
    EXPECT_GT(with[kind][semantic], rooms[kind] / 2) << room_name(kind);
  EXPECT_EQ(with[RoomKind::kLiving][kToilet] + with[RoomKind::kBath][kBed], 0);
}

}  // namespace
}  // namespace fourm
