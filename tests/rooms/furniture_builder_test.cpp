#include "fourm/rooms/furniture_builder.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

bool same_points(const Mesh& a, const Mesh& b) {
  return a.points.size() == b.points.size() && std::equal(a.points.begin(), a.points.end(), b.points.begin(),
                                                          [](Vec3 p, Vec3 q) { return length(p - q) == 0; });
}

TEST(FurnitureBuilder, EachClassStandsOnTheFloor) {
  const Vec3 size{1.2f, 0.9f, 0.7f};
  for (int c = kChair; c < kRoomClasses; ++c)
    for (uint64_t seed = 0; seed < 12; ++seed) {
      const auto semantic = static_cast<RoomClass>(c);
      SCOPED_TRACE(std::string(class_name(semantic)) + concat(", seed ", seed));
      const Mesh mesh = build_furniture(semantic, size, Random(seed));
      const Box3 box = mesh.bounds();
      EXPECT_TRUE(box.low.y >= 0 && box.low.y < 0.05f * size.y) << "it stands on the floor";
      EXPECT_LT(box.high.y, 1.1f * size.y);
      for (const Face& face : mesh.faces) {
        ASSERT_LT(face.material, mesh.materials.size());
        for (int k = 0; k < 3; ++k) {
          ASSERT_LT(face.point[k], mesh.points.size());
          ASSERT_LT(face.normal[k], mesh.normals.size());
        }
      }
    }
}

TEST(FurnitureBuilder, TheSeedDecides) {
  for (const RoomClass c : {kTable, kChair, kSofa, kBed, kPlant, kLamp, kShelf, kCabinet, kWardrobe}) {
    const auto build = [&](uint64_t seed) { return build_furniture(c, {1, 1, 1}, Random(seed)); };
    EXPECT_TRUE(same_points(build(1), build(1))) << class_name(c);
    int others = 0;
    for (uint64_t seed = 2; seed < 12; ++seed) others += !same_points(build(1), build(seed));
    EXPECT_GT(others, 0) << class_name(c);
  }
}

}  // namespace
}  // namespace fourm
