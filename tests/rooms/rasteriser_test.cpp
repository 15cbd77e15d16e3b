// Depth and normals of solids against their closed forms, at pixel centres.
#include "fourm/rooms/rasteriser.h"

#include <gtest/gtest.h>

#include "fourm/core/rng.h"
#include "fourm/rooms/rooms.h"
#include "fourm/rooms/solids.h"

namespace fourm {
namespace {

SceneObject object_of(Mesh mesh) {
  if (mesh.materials.empty()) mesh.materials.resize(1);
  SceneObject object;
  object.mesh = std::make_shared<Mesh>(std::move(mesh));
  return object;
}

constexpr int kSide = 64;

TEST(Rasteriser, FloorIsThePlaneEvenUnderAndBehindTheCamera) {
  Mesh floor;
  add_quad(floor, {-50, 0, 50}, {100, 0, 0}, {0, 0, -100}, 0);
  const std::vector<SceneObject> objects = {object_of(std::move(floor))};
  const Camera camera = Camera::look({0.3f, 1.5f, 2}, {0.1f, 0.2f, 0}, 0.9f);
  const View view(objects, camera);
  const auto hits = view.trace(kSide, kSide, Layer::kAll);
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const Vec3 ray = camera.ray(x, y, kSide, kSide);
      const Vec3 direction = camera.axes.transposed() * Vec3{ray.x, ray.y, -1};
      const Hit& hit = hits[y * kSide + x];
      if (direction.y >= 0) {
        EXPECT_FALSE(hit);
        continue;
      }
      const float depth = camera.position.y / -direction.y;
      if (std::abs(camera.position.x + depth * direction.x) > 49 ||
          std::abs(camera.position.z + depth * direction.z) > 49)
        continue;
      ASSERT_TRUE(hit) << x << "," << y;
      EXPECT_NEAR(1 / hit.inverse_depth, depth, 1e-4 * depth);
      const Fragment f = view.fragment(hit, ray, kSide);
      EXPECT_NEAR(f.normal.y, 1, 1e-5);
      EXPECT_NEAR(f.point.y, 0, 1e-4);
      EXPECT_NEAR(f.uv.u, (f.point.x + 50) / 100, 1e-5);  // perspective-correct
    }
}

TEST(Rasteriser, SphereDepthAndNormals) {
  const Vec3 centre{0.2f, 1, -0.3f};
  constexpr float kRadius = 0.7f;
  Mesh ball;
  add_sphere(ball, centre, kRadius, 0, 256);
  const std::vector<SceneObject> objects = {object_of(std::move(ball))};
  const Camera camera = Camera::look({0, 1.4f, 3}, {0, 1, 0}, 0.4f);
  const View view(objects, camera);
  const auto hits = view.trace(kSide, kSide, Layer::kAll);
  int inside = 0;
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const Vec3 ray = camera.ray(x, y, kSide, kSide);
      const Vec3 d = camera.axes.transposed() * Vec3{ray.x, ray.y, -1}, o = camera.position - centre;
      const float a = dot(d, d), b = dot(o, d), c = dot(o, o) - kRadius * kRadius, root = b * b - a * c;
      const Hit& hit = hits[y * kSide + x];
      if (root < 0.05f) {
        if (root < -0.05f) {
          EXPECT_FALSE(hit);
        }
        continue;
      }
      ++inside;
      ASSERT_TRUE(hit);
      const float depth = (-b - std::sqrt(root)) / a;
      EXPECT_NEAR(1 / hit.inverse_depth, depth, 1e-3);
      const Vec3 normal = (o + d * depth) * (1 / kRadius);
      EXPECT_GT(dot(view.fragment(hit, ray, kSide).normal, normal), 0.9999f);
    }
  EXPECT_GT(inside, 300);
}

TEST(Rasteriser, NeighboursLeaveNoCracks) {
  // A wall cut into thousands of random triangles must cover every pixel.
  Random random(5);
  Mesh wall;
  constexpr int kCells = 60;
  for (int j = 0; j <= kCells; ++j)
    for (int i = 0; i <= kCells; ++i) {
      const auto shake = [&] { return static_cast<float>(random.uniform(-0.3, 0.3)); };
      const float x = i + shake(), y = j + shake(), z = 0.5f * shake();
      wall.points.push_back({x / kCells - 0.5f, y / kCells - 0.5f, z / kCells});
    }
  for (uint32_t j = 0; j < kCells; ++j)
    for (uint32_t i = 0; i < kCells; ++i) {
      const uint32_t a = j * (kCells + 1) + i, b = a + 1, c = a + kCells + 2, d = a + kCells + 1;
      constexpr uint32_t n = Face::kNone;
      wall.faces.push_back({{a, b, c}, {n, n, n}, {n, n, n}, 0});
      wall.faces.push_back({{c, d, a}, {n, n, n}, {n, n, n}, 0});
    }
  wall.complete_normals();
  const std::vector<SceneObject> objects = {object_of(std::move(wall))};
  const View view(objects, Camera::look({0.01f, 0.02f, 0.5f}, {0, 0, 0}, 0.8f));
  for (const Hit& hit : view.trace(301, 301, Layer::kAll)) EXPECT_TRUE(hit);
}

TEST(Rasteriser, NearSurfaceHidesFarOneWhateverTheOrder) {
  for (const bool swap : {false, true}) {
    Mesh near, far;
    add_box(near, {-0.2f, -0.2f, 0.9f}, {0.2f, 0.2f, 1}, 0);
    add_box(far, {-5, -5, -1.1f}, {5, 5, -1}, 0);
    std::vector<SceneObject> objects = {object_of(std::move(near)), object_of(std::move(far))};
    objects[0].instance = 1;
    objects[1].instance = 2;
    if (swap) std::swap(objects[0], objects[1]);
    const View view(objects, Camera::look({0, 0, 3}, {0, 0, 0}, 0.5f));
    const auto hits = view.trace(kSide, kSide, Layer::kAll);
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        const Vec3 ray = view.camera().ray(x, y, kSide, kSide);
        const bool on_near = std::abs(ray.x * 2) < 0.2f && std::abs(ray.y * 2) < 0.2f;
        const Hit& hit = hits[y * kSide + x];
        EXPECT_EQ(objects[hit.object].instance, on_near ? 1 : 2);
        EXPECT_NEAR(1 / hit.inverse_depth, on_near ? 2 : 4, 1e-4);
      }
  }
}

TEST(Rasteriser, MapsOfAKnownRoom) {
  Room room;
  Mesh back, box;
  add_quad(back, {-10, -10, 0}, {20, 0, 0}, {0, 20, 0}, 0);
  add_box(box, {0.5f, -0.5f, 0.5f}, {1.5f, 0.5f, 1}, 0);
  room.objects = {object_of(std::move(back)), object_of(std::move(box))};
  room.objects[0].semantic = kWall;
  room.objects[1].semantic = kTable;
  room.objects[1].instance = 1;
  room.instances = {{"table", -1, kTable, {{0.5f, -0.5f, 0.5f}, {1.5f, 0.5f, 1}}}};
  room.camera = Camera::look({0, 0, 4}, {0, 0, 0}, 1);
  const RoomSample sample = render_maps(room, 128);
  EXPECT_EQ(*sample.depth_mm.at(10, 10), 4000);
  EXPECT_EQ(*sample.depth_mm.at(84, 64), 3000);  // slope 0.32 at depth 3 is x = 0.96
  EXPECT_EQ(*sample.semseg.at(10, 10), kWall);
  EXPECT_EQ(*sample.semseg.at(84, 64), kTable);
  for (int c = 0; c < 3; ++c) EXPECT_EQ(sample.normal.at(84, 64)[c], c == 2 ? 255 : 128);
  // The left side of the box faces -x and is seen at the left of its front.
  const Json& d = sample.det["instances"][0];
  EXPECT_EQ(d["class_name"], "table");
  // Front: x 0.5 to 1.5 at depth 3. The left side runs back to depth 3.5: 0.5 / 3.5 = 0.143 of the half width.
  EXPECT_NEAR(d["boxes"][0].get<double>(), 0.5 + 0.5 * 0.5 / 3.5, 1.0 / 128);
  EXPECT_NEAR(d["boxes"][2].get<double>(), 0.75, 1.0 / 128);
  EXPECT_NEAR(d["boxes"][1].get<double>(), 0.5 - 0.25 / 3, 1.0 / 128);
  const int x = static_cast<int>(128 * (0.5 + 0.5 * 0.155));
  EXPECT_EQ(sample.normal.at(x, 64)[0], 0);
  EXPECT_EQ(sample.scene["largest"], "table");
  EXPECT_EQ(sample.captions[0], "a living room with a table");
}

}  // namespace
}  // namespace fourm
