#include "fourm/rooms/solids.h"

#include <gtest/gtest.h>

#include <numbers>

namespace fourm {
namespace {

// The volume that the faces enclose, by the divergence theorem; negative where they are wound inward.
double volume(const Mesh& mesh) {
  double sum = 0;
  for (const Face& f : mesh.faces)
    sum += dot(mesh.points[f.point[0]], cross(mesh.points[f.point[1]], mesh.points[f.point[2]]));
  return sum / 6;
}

void expect_outward(const Mesh& mesh) {
  for (const Face& f : mesh.faces) {
    const Vec3 a = mesh.points[f.point[0]];
    const Vec3 flat = cross(mesh.points[f.point[1]] - a, mesh.points[f.point[2]] - a);
    for (const uint32_t n : f.normal) {
      EXPECT_NEAR(length(mesh.normals[n]), 1, 1e-5);
      EXPECT_GT(dot(mesh.normals[n], flat), 0) << "the normal and the winding of a face disagree";
    }
  }
}

TEST(Solids, ABoxIsClosedAndWoundOutward) {
  Mesh mesh;
  add_box(mesh, {1, 2, 3}, {2, 4, 6}, 5);
  expect_outward(mesh);
  EXPECT_NEAR(volume(mesh), 1 * 2 * 3, 1e-4);
  EXPECT_EQ(length(mesh.bounds().low - Vec3{1, 2, 3}), 0);
  EXPECT_EQ(length(mesh.bounds().high - Vec3{2, 4, 6}), 0);
  for (const Face& f : mesh.faces) EXPECT_EQ(f.material, 5u);
}

TEST(Solids, CylindersAndConesHaveTheVolumeOfTheirPrisms) {
  constexpr int kSides = 32;
  const double base = 0.5 * kSides * std::sin(2 * std::numbers::pi / kSides) * 0.5 * 0.5;  // the inscribed polygon
  for (const float top : {0.5f, 0.2f, 0.0f}) {
    Mesh mesh;
    add_cylinder(mesh, {1, 0, -1}, 2, 0.5f, top, 0, kSides);
    expect_outward(mesh);
    const double ratio = top / 0.5;
    EXPECT_NEAR(volume(mesh), base * 2 / 3 * (1 + ratio + ratio * ratio), 1e-4) << top;
  }
}

TEST(Solids, ASphereIsNearlyRound) {
  Mesh mesh;
  add_sphere(mesh, {0, 1, 0}, 0.5f, 0);
  expect_outward(mesh);
  const double ball = 4.0 / 3 * std::numbers::pi * 0.125;
  EXPECT_LT(volume(mesh), ball);
  EXPECT_GT(volume(mesh), 0.98 * ball);
  for (const Vec3& p : mesh.points) EXPECT_NEAR(length(p - Vec3{0, 1, 0}), 0.5, 1e-5);
}

TEST(Solids, TextureCoordinatesOfAQuadRunToItsRepeats) {
  Mesh mesh;
  add_quad(mesh, {0, 0, 0}, {2, 0, 0}, {0, 1, 0}, 0, {4, 3});
  for (size_t i = 0; i < mesh.points.size(); ++i) {
    EXPECT_FLOAT_EQ(mesh.uvs[i].u, 2 * mesh.points[i].x);
    EXPECT_FLOAT_EQ(mesh.uvs[i].v, 3 * mesh.points[i].y);
  }
}

}  // namespace
}  // namespace fourm
