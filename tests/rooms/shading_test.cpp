#include "fourm/rooms/shading.h"

#include <gtest/gtest.h>

#include "fourm/rooms/solids.h"

namespace fourm {
namespace {

SceneObject shaded_object(Mesh mesh) {
  SceneObject object;
  object.mesh = std::make_shared<Mesh>(std::move(mesh));
  return object;
}

SceneObject floor_of(Vec3 colour) {
  Mesh mesh;
  mesh.materials.resize(1);
  mesh.materials[0].colour = colour;
  add_quad(mesh, {-3, 0, 3}, {6, 0, 0}, {0, 0, -6}, 0);
  SceneObject floor = shaded_object(std::move(mesh));
  floor.casts_shadow = false;
  return floor;
}

Lighting only_key(Vec3 from) {
  Lighting light;
  light.key_from = normalised(from);
  light.key = {0.5f, 0.5f, 0.5f};
  light.ambient_ceiling = light.ambient_floor = light.lamp = {};
  return light;
}

constexpr int kImageSide = 32;

// Seen from above: x grows to the right, z downward.
Image render(const std::vector<SceneObject>& objects, const Lighting& light) {
  const View view(objects, Camera::look({0, 6, 1e-3f}, {0, 0, 0}, 0.4f));
  return render_colour(view, objects, light, {0, 0.5f, 0}, 2, kImageSide);
}

TEST(Shading, KeyLightFollowsTheCosine) {
  const std::vector<SceneObject> objects{floor_of({0.6f, 0.3f, 0.9f})};
  for (const float angle : {0.0f, 0.5f, 1.0f}) {
    const Image image = render(objects, only_key({std::sin(angle), std::cos(angle), 0}));
    const float expected[] = {0.6f, 0.3f, 0.9f};
    for (int c = 0; c < 3; ++c)
      EXPECT_NEAR(image.at(kImageSide / 2, kImageSide / 2)[c], to_srgb(0.5f * expected[c] * std::cos(angle)), 1)
          << angle;
  }
}

TEST(Shading, ABoxCastsItsShadowAwayFromTheLight) {
  Mesh box;
  box.materials.resize(1);
  add_box(box, {-0.3f, 0, -0.3f}, {0.3f, 1, 0.3f}, 0);
  const std::vector<SceneObject> objects{floor_of({0.8f, 0.8f, 0.8f}), shaded_object(std::move(box))};
  const Image image = render(objects, only_key({1, 1, 0}));  // the shadow reaches to x = -1.3
  const auto at = [&](float x) {
    return int{*image.at(static_cast<int>((x / 2.4f + 1) * kImageSide / 2), kImageSide / 2)};
  };
  EXPECT_EQ(at(-0.9f), 0);
  EXPECT_GT(at(0.9f), 100);
  EXPECT_EQ(at(-1.8f), at(0.9f)) << "beyond its end";
}

TEST(Shading, GlowAndTintNeedNoShadows) {
  SceneObject floor = floor_of({0.5f, 0.5f, 0.5f});
  floor.tint = {1, 0.5f, 0};
  Lighting dark = only_key({0, 1, 0});
  const Image tinted = render({floor}, dark);
  EXPECT_EQ(tinted.at(5, 5)[0], to_srgb(0.25f));
  EXPECT_EQ(tinted.at(5, 5)[1], to_srgb(0.125f));
  EXPECT_EQ(tinted.at(5, 5)[2], 0);

  Mesh glowing = *floor.mesh;
  glowing.materials[0].emission = {0.2f, 0.3f, 0.4f};
  floor.mesh = std::make_shared<Mesh>(std::move(glowing));
  dark.key = {};
  EXPECT_EQ(render({floor}, dark).at(9, 20)[2], to_srgb(0.4f));
}

TEST(Shading, GlassMixesWithWhatIsBehindIt) {
  Mesh pane;
  pane.materials.resize(1);
  pane.materials[0].opacity = 0.25f;
  pane.materials[0].emission = {0.4f, 0.4f, 0.4f};
  add_quad(pane, {-3, 1, 3}, {6, 0, 0}, {0, 0, -6}, 0);
  SceneObject floor = floor_of({0, 0, 0});
  Mesh glowing = *floor.mesh;
  glowing.materials[0].emission = {0.2f, 0.2f, 0.2f};
  floor.mesh = std::make_shared<Mesh>(std::move(glowing));
  Lighting dark = only_key({0, 1, 0});
  dark.key = {};
  EXPECT_NEAR(*render({floor, shaded_object(std::move(pane))}, dark).at(16, 16), to_srgb(0.75f * 0.2f + 0.25f * 0.4f),
              1);
}

}  // namespace
}  // namespace fourm
