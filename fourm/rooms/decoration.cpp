#include <algorithm>

#include "fourm/rooms/room_builder.h"
#include "fourm/rooms/solids.h"

namespace fourm {
namespace {

// For catalogues without doors and windows.
Mesh plain_opening(RoomClass semantic, Vec3 size, Random& random) {
  Mesh mesh;
  mesh.materials.resize(2);
  mesh.materials[0].colour = random_hsv(random, {30, 30}, {0, 0.5}, {0.4, 0.95});
  const float w = size.x / 2, h = size.y, d = size.z / 2, bar = 0.06f;
  if (semantic == kDoor) {
    add_box(mesh, {-w, 0, -d}, {w, h, 0.5f * d}, 0);
    add_sphere(mesh, {0.8f * w, 0.48f * h, 0.7f * d}, 0.03f, 1, 16);
  } else {
    for (const float x : {-w, -bar / 2, w - bar}) add_box(mesh, {x, 0, -d}, {x + bar, h, d}, 0);
    for (const float y : {0.0f, h - bar}) add_box(mesh, {-w, y, -d}, {w, y + bar, d}, 0);
  }
  return mesh;
}

SceneObject object_of(Mesh mesh, RoomClass semantic, float angle, Vec3 base) {
  SceneObject object;
  object.mesh = std::make_shared<Mesh>(std::move(mesh));
  object.rotation = rotation_y(angle);
  object.offset = base;
  object.semantic = semantic;
  return object;
}

}  // namespace

std::optional<RoomBuilder::WallPlacement> RoomBuilder::placement_on_wall(Vec3 size, float height) {
  const Wall& wall = walls_[random_.below(4)];
  if (wall.length < size.x + 0.4f) return std::nullopt;
  const float along = between(random_, 0.2, wall.length - size.x - 0.2) + size.x / 2;
  const Vec3 base = wall.start + wall.along * along + wall.inward * (size.z / 2 + 0.004f) + Vec3{0, height, 0};
  const Box3 box = box_of(size, wall.angle, base);
  if (!is_free(box)) return std::nullopt;
  return WallPlacement{&wall, base, box};
}

void RoomBuilder::add_windows_and_doors() {
  if (random_.chance(0.6)) add_opening("door", kDoor);
  for (int64_t i = random_.between(0, 2); i > 0; --i) add_opening("window", kWindow);
}

// Doors and windows are flattened against the wall; the view through the panes is a texture behind them.
void RoomBuilder::add_opening(const std::string& part, RoomClass semantic) {
  constexpr float kThin = 0.07f;
  const int64_t model = draw(part);
  Vec3 size{0.85f, 2.05f, 0.1f};
  float height = 0;
  if (semantic == kWindow) {
    size.x = between(random_, 0.7, 1.6);
    size.y = between(random_, 0.8, 1.3);
    height = between(random_, 0.85, 1.1);
  }
  std::shared_ptr<const Mesh> mesh;
  if (model >= 0) {
    const auto& m = catalogue_.models()[model];
    size = m.size;
    if (size.y > 1.4f) height = std::min(m.elevation, 0.3f);
    mesh = catalogue_.mesh(static_cast<size_t>(model));
  } else {
    mesh = std::make_shared<Mesh>(plain_opening(semantic, size, random_));
  }
  const auto placement = placement_on_wall({size.x, size.y, kThin}, height);
  if (!mesh || !placement) return;
  SceneObject object = object_of(Mesh(), semantic, placement->wall->angle, placement->base);
  object.mesh = stretched(*mesh, {1, 1, kThin / size.z});
  object.casts_shadow = false;
  const int instance = add_instance(model >= 0 ? catalogue_.models()[model].name : part, model, std::move(object),
                                    placement->box, placement->wall->angle);
  if (semantic == kDoor) {
    reserved_.push_back(
        box_of({size.x, size.y, 0.9f}, placement->wall->angle, placement->base + placement->wall->inward * 0.45f));
    return;
  }
  Mesh view;
  view.materials.resize(1);
  view.materials[0].texture = random_outside(random_);
  view.materials[0].emission = Vec3{0.35f, 0.36f, 0.38f};
  add_quad(view, {-0.48f * size.x, 0.02f * size.y, 0.001f - kThin / 2}, {0.96f * size.x, 0, 0}, {0, 0.96f * size.y, 0},
           0);
  SceneObject outside = object_of(std::move(view), kWindow, placement->wall->angle, placement->base);
  outside.instance = static_cast<uint16_t>(instance + 1);
  outside.casts_shadow = false;
  room_.objects.push_back(std::move(outside));
  if (random_.chance(0.45)) curtains(instance, *placement->wall);
}

// A wavy strip on each side of the window.
void RoomBuilder::curtains(int window, const Wall& wall) {
  const Box3 frame = room_.instances[window].box;
  const float width = std::abs(dot(frame.size(), wall.along)), strip = between(random_, 0.22, 0.42);
  const float top = std::min(frame.high.y + 0.12f, room_.size.y - 0.05f);
  const float base = random_.chance(0.5) ? 0.03f : std::max(0.03f, frame.low.y - 0.15f);
  constexpr float kDeep = 0.08f;
  const Vec3 dye = random_hsv(random_, {0, 360}, {0.0, 0.7}, {0.35, 0.95});
  const float folds = std::round(strip / between(random_, 0.05, 0.08));
  for (const float side : {-1.0f, 1.0f}) {
    Mesh mesh;
    mesh.materials.resize(1);
    mesh.materials[0].colour = dye;
    constexpr int kColumns = 40;
    const auto at = [&](int i) {
      const float t = static_cast<float>(i) / kColumns;
      return Vec3{(t - 0.5f) * strip, 0, 0.45f * kDeep * std::sin(2 * kPi * folds * t)};
    };
    const Vec3 rise{0, top - base, 0};
    for (int i = 0; i <= kColumns; ++i) mesh.points.insert(mesh.points.end(), {at(i), at(i) + rise});
    constexpr uint32_t n = Face::kNone;
    for (uint32_t i = 0; i < 2 * kColumns; i += 2) {
      mesh.faces.push_back({{i, i + 2, i + 3}, {n, n, n}, {n, n, n}, 0});
      mesh.faces.push_back({{i + 3, i + 1, i}, {n, n, n}, {n, n, n}, 0});
    }
    mesh.complete_normals();
    const Vec3 middle = frame.centre();
    Vec3 place = Vec3{middle.x, base, middle.z} + wall.along * (side * (width + strip + 0.02f) / 2);
    place = place + wall.inward * (kDeep / 2 + 0.005f - dot(place - wall.start, wall.inward));
    const Box3 box = box_of({strip, top - base, kDeep}, wall.angle, place);
    if (!is_free(box)) continue;
    add_instance("curtain", -1, object_of(std::move(mesh), kCurtain, wall.angle, place), box, wall.angle);
  }
}

// A rug lies under other objects and occupies no space.
void RoomBuilder::rug(int under) {
  constexpr float kThin = 0.008f;
  Vec3 centre{room_.size.x / 2, 0, room_.size.z / 2};
  float angle = random_.below(2) * kPi / 2;
  if (under != kNone) {
    const Box3& box = room_.instances[under].box;
    centre = {box.centre().x, 0, box.centre().z};
    angle = angles_[under];
  }
  const int64_t model = random_.chance(0.15) ? draw("rug") : -1;
  const auto found = model >= 0 ? catalogue_.mesh(static_cast<size_t>(model)) : nullptr;
  std::string name = "rug";
  Vec3 size{between(random_, 1.0, 2.6), kThin, between(random_, 0.8, 1.9)};
  SceneObject object = object_of(Mesh(), kRug, angle, centre + Vec3{0, 5e-4f, 0});
  if (found) {
    const auto& m = catalogue_.models()[model];
    name = m.name;
    size = m.size;
    object.mesh = stretched(*found, {1, kThin / size.y, 1});
  } else {
    Mesh mesh;
    mesh.materials.resize(1);
    mesh.materials[0].texture = random_rug(random_);
    const float w = size.x / 2, d = size.z / 2;
    add_quad(mesh, {-w, kThin, d}, {size.x, 0, 0}, {0, 0, -size.z}, 0);
    object.mesh = std::make_shared<Mesh>(std::move(mesh));
  }
  object.casts_shadow = false;
  Box3 box = box_of(size, angle, centre);
  box.high.y = 0;
  if (box.low.x < 0 || box.low.z < 0 || box.high.x > room_.size.x || box.high.z > room_.size.z) return;
  add_instance(name, found ? model : -1, std::move(object), box, angle);
}

void RoomBuilder::pictures() {
  if (room_.kind == RoomKind::kBath && random_.chance(0.8)) return;
  for (int64_t i = random_.between(0, 3); i > 0; --i) {
    const Vec3 size{between(random_, 0.35, 1.1), between(random_, 0.35, 0.8), 0.03f};
    const auto placement = placement_on_wall(size, between(random_, 1.25, 1.5));
    if (!placement) continue;
    Mesh mesh;
    mesh.materials.resize(2);
    mesh.materials[0].colour = random_hsv(random_, {30, 30}, {0, 0.6}, {0.05, 0.95});
    mesh.materials[1].texture = random_painting(random_);
    const float w = size.x / 2, edge = between(random_, 0.015, 0.05);
    add_box(mesh, {-w, 0, -0.015f}, {w, size.y, 0.012f}, 0);
    add_quad(mesh, {-w + edge, edge, 0.0135f}, {2 * (w - edge), 0, 0}, {0, size.y - 2 * edge, 0}, 1);
    add_instance("picture", -1, object_of(std::move(mesh), kPicture, placement->wall->angle, placement->base),
                 placement->box, placement->wall->angle);
  }
}

}  // namespace fourm
