#include "fourm/rooms/geometry.h"

#include <gtest/gtest.h>

#include <numbers>

#include "fourm/rooms/solids.h"

namespace fourm {
namespace {

void expect_near(Vec3 a, Vec3 b, float tolerance = 1e-5f) { EXPECT_LE(length(a - b), tolerance); }

TEST(Geometry, TurnsAreRotations) {
  expect_near(rotation_y(static_cast<float>(std::numbers::pi) / 2) * Vec3{0, 0, 1}, {1, 0, 0});
  for (const float angle : {-2.0f, 0.3f, 1.1f}) {
    const Mat3 m = rotation_y(angle);
    const Vec3 v{1, 2, -3};
    EXPECT_NEAR(length(m * v), length(v), 1e-5);
    expect_near(m.transposed() * (m * v), v);
    expect_near((m * rotation_y(0.5f)) * v, rotation_y(angle + 0.5f) * v);
  }
  expect_near(cross({1, 0, 0}, {0, 1, 0}), {0, 0, 1});
  expect_near(normalised({}), {});
}

TEST(Geometry, BytesSurviveTheWayThroughLinearLight) {
  for (int value = 0; value < 256; ++value) EXPECT_EQ(to_srgb(to_linear(static_cast<uint8_t>(value))), value);
  EXPECT_EQ(to_srgb(-1), 0);
  EXPECT_EQ(to_srgb(2), 255);
}

TEST(Geometry, BoxesThatTouchDoNotOverlap) {
  const Box3 box{{0, 0, 0}, {1, 1, 1}};
  EXPECT_TRUE(box.overlaps({{0.5f, 0.5f, 0.5f}, {2, 2, 2}}));
  EXPECT_FALSE(box.overlaps({{1, 0, 0}, {2, 1, 1}}));
  EXPECT_FALSE(box.overlaps({{0.95f, 0, 0}, {2, 1, 1}}, 0.1f));
  EXPECT_TRUE(box.overlaps({{0.5f, 0, 0}, {2, 1, 1}}, 0.1f));
}

// Faces of a box meet at 90 degrees, beyond the crease: each corner keeps the normal of its face. The sides of a fine
// prism meet at less: a shared corner has one normal, between those of its faces.
TEST(Geometry, NormalsAreSmoothOnlyBelowTheCrease) {
  for (const float degrees : {20.0f, 90.0f}) {
    const float half = degrees / 2 * static_cast<float>(std::numbers::pi) / 180;
    Mesh roof;
    roof.points = {{0, 0, 0}, {0, 0, 1}, {std::cos(half), -std::sin(half), 0}, {-std::cos(half), -std::sin(half), 0}};
    constexpr uint32_t none = Face::kNone;
    roof.faces = {{{0, 1, 2}, {none, none, none}, {none, none, none}, 0},
                  {{1, 0, 3}, {none, none, none}, {none, none, none}, 0}};
    roof.complete_normals();
    const auto angle_between = [&](int corner, int other) {
      return std::acos(std::min(
                 1.0f, dot(roof.normals[roof.faces[0].normal[corner]], roof.normals[roof.faces[1].normal[other]]))) *
             180 / static_cast<float>(std::numbers::pi);
    };
    EXPECT_NEAR(angle_between(0, 1), degrees < 40 ? 0 : degrees, 0.1);
    for (const Vec3& n : roof.normals) EXPECT_NEAR(length(n), 1, 1e-5);
  }
}

TEST(Geometry, StretchedNormalsStayPerpendicular) {
  Mesh mesh;
  add_quad(mesh, {0, 0, 0}, {1, 0, 0}, {0, 1, 1}, 0);
  const auto copy = stretched(mesh, {2, 3, 0.5f});
  const Vec3 right = copy->points[1] - copy->points[0], up = copy->points[2] - copy->points[1];
  for (const Vec3& n : copy->normals) {
    EXPECT_NEAR(dot(n, right), 0, 1e-5);
    EXPECT_NEAR(dot(n, up), 0, 1e-5);
    EXPECT_NEAR(length(n), 1, 1e-5);
  }
}

TEST(Geometry, ObjectsStandOnHorizontalSurfacesOnly) {
  Mesh table;
  add_box(table, {0, 0, 0}, {1, 0.75f, 1}, 0);
  EXPECT_EQ(support_height(table, {0.5f, 0, 0.5f}, {0.4f, 0, 0.4f}), 0.75f);
  EXPECT_EQ(support_height(table, {1, 0, 0.5f}, {0.4f, 0, 0.4f}), std::nullopt) << "half of it is beyond the edge";
  EXPECT_EQ(support_height(table, {5, 0, 5}, {0.4f, 0, 0.4f}), std::nullopt);
  Mesh slope;
  add_quad(slope, {0, 0, 1}, {1, 0, 0}, {0, 0.5f, -1}, 0);
  EXPECT_EQ(support_height(slope, {0.5f, 0, 0.5f}, {0.4f, 0, 0.4f}), std::nullopt);
}

}  // namespace
}  // namespace fourm
