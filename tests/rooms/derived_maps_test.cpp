// The derived maps of surfaces in closed form.
#include "fourm/rooms/derived_maps.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

namespace fourm {
namespace {

constexpr int kSize = 96;

// A grey image of the surfaces that `hit` returns for the ray (x, y, -1): point and normal in the camera's frame, in metres.
struct SurfacePoint {
  Vec3 point, normal;
};
template <class Surface>
RoomSample sample_of(const Surface& hit) {
  RoomSample sample;
  sample.rgb = Image(kSize, kSize, 3, 128);
  sample.depth_mm = Raster<uint16_t>(kSize, kSize, 1);
  sample.normal = Image(kSize, kSize, 3);
  sample.scene = {{"camera", {{"tangent", 0.5}}}};
  for (int y = 0; y < kSize; ++y)
    for (int x = 0; x < kSize; ++x) {
      const std::optional<SurfacePoint> found =
          hit(Vec3{((2 * x + 1.0f) / kSize - 1) * 0.5f, (1 - (2 * y + 1.0f) / kSize) * 0.5f, -1});
      if (!found) continue;
      *sample.depth_mm.at(x, y) = static_cast<uint16_t>(std::lround(-1000 * found->point.z));
      const float n[3] = {found->normal.x, found->normal.y, found->normal.z};
      for (int c = 0; c < 3; ++c) sample.normal.at(x, y)[c] = static_cast<uint8_t>(std::lround((n[c] + 1) * 127.5f));
    }
  return sample;
}

// The plane z = -depth, seen from the front.
std::optional<SurfacePoint> wall(Vec3 ray, float depth) { return SurfacePoint{ray * depth, {0, 0, 1}}; }

RoomSample sphere(float radius) {
  return sample_of([&](Vec3 ray) -> std::optional<SurfacePoint> {
    const Vec3 centre{0, 0, -3};
    const float a = dot(ray, ray), b = dot(ray, centre), root = b * b - a * (dot(centre, centre) - radius * radius);
    if (root < 0) return {};
    const Vec3 point = ray * ((b - std::sqrt(root)) / a);
    return SurfacePoint{point, normalised(point - centre)};
  });
}

TEST(DerivedMaps, AWallHasNeitherEdgesNorCurvature) {
  const DerivedMaps maps = derive_maps(sample_of([](Vec3 ray) { return wall(ray, 2); }));
  for (int y = 0; y < kSize; ++y)
    for (int x = 0; x < kSize; ++x) {
      ASSERT_LE(*maps.edge_occlusion.at(x, y), 1);
      ASSERT_EQ(*maps.edge_texture.at(x, y), 0);
      ASSERT_EQ(*maps.keypoints2d.at(x, y), 0);
      ASSERT_EQ(*maps.keypoints3d.at(x, y), 0);
      ASSERT_NEAR(maps.principal_curvature.at(x, y)[0], 127.5, 1);
      ASSERT_NEAR(maps.principal_curvature.at(x, y)[1], 127.5, 1);
      const double px = ((2 * x + 1.0) / kSize - 1) * 0.5, py = (1 - (2 * y + 1.0) / kSize) * 0.5;
      ASSERT_NEAR(*maps.reshading.at(x, y), 255 / std::sqrt(1 + px * px + py * py), 1.5);
    }
}

TEST(DerivedMaps, ASphereHasTheCurvatureOfItsRadius) {
  for (const float radius : {0.5f, 1.0f}) {
    const DerivedMaps maps = derive_maps(sphere(radius));
    const double k = 1 / radius, expected = 127.5 * (1 + k / (k + 2));
    double first = 0, second = 0;
    constexpr int kReach = 8;
    for (int y = kSize / 2 - kReach; y < kSize / 2 + kReach; ++y)
      for (int x = kSize / 2 - kReach; x < kSize / 2 + kReach; ++x) {
        first += maps.principal_curvature.at(x, y)[0] / (4.0 * kReach * kReach);
        second += maps.principal_curvature.at(x, y)[1] / (4.0 * kReach * kReach);
      }
    // Depth in millimetres and normals in 8 bits leave noise, which separates the two.
    EXPECT_NEAR((first + second) / 2, expected, 3) << "radius " << radius;
    EXPECT_NEAR(first, second, 16) << "radius " << radius;
    EXPECT_GE(*maps.reshading.at(kSize / 2, kSize / 2), 253);
  }
}

TEST(DerivedMaps, OcclusionEdgesAreWhereTheSurfaceJumps) {
  const DerivedMaps maps = derive_maps(sample_of([](Vec3 ray) { return wall(ray, ray.x < 0 ? 2 : 3); }));
  for (int y = 0; y < kSize; ++y) {
    for (const int x : {kSize / 2 - 1, kSize / 2})
      ASSERT_NEAR(*maps.edge_occlusion.at(x, y), 255 * (1 - std::exp(-5.0)), 1);
    for (const int x : {kSize / 2 - 2, kSize / 2 + 1}) ASSERT_LE(*maps.edge_occlusion.at(x, y), 1);
  }
}

// Two walls that meet in a vertical edge, at the middle of the image.
RoomSample corner() {
  return sample_of([](Vec3 ray) {
    const Vec3 normal = normalised({ray.x < 0 ? 1.0f : -1.0f, 0, 1});
    return std::optional(SurfacePoint{ray * (-3 * normal.z / dot(normal, ray)), normal});
  });
}

TEST(DerivedMaps, AnEdgeBetweenWallsIsNoOcclusion) {
  const DerivedMaps maps = derive_maps(corner());
  for (int y = 0; y < kSize; ++y)
    for (int x = 0; x < kSize; ++x) {
      ASSERT_LE(*maps.edge_occlusion.at(x, y), 30) << "the step to the next pixel, 2.2 cm across the other wall";
      ASSERT_LE(*maps.keypoints3d.at(x, y), 1) << "an edge is no corner";
    }
  EXPECT_LT(maps.principal_curvature.at(kSize / 2, kSize / 2)[1], 60) << "concave";
}

TEST(DerivedMaps, ABlobIsAKeypointAndAnEdgeIsNot) {
  RoomSample sample = sample_of([](Vec3 ray) { return wall(ray, 2); });
  for (int y = 0; y < kSize; ++y)
    for (int x = 0; x < kSize; ++x) {
      const bool bright = x >= 64 || std::hypot(x - 24, y - 48) < 3;
      std::fill_n(sample.rgb.at(x, y), 3, static_cast<uint8_t>(bright ? 200 : 60));
    }
  const DerivedMaps maps = derive_maps(sample);
  EXPECT_GT(*maps.keypoints2d.at(24, 48), 60);
  EXPECT_EQ(*maps.keypoints2d.at(24, 80), 0);
  for (const int x : {62, 63, 64, 65}) EXPECT_LE(*maps.keypoints2d.at(x, 48), 4);
  EXPECT_GT(*maps.edge_texture.at(64, 48), 150);
  EXPECT_EQ(*maps.edge_texture.at(45, 48), 0);
}

}  // namespace
}  // namespace fourm
