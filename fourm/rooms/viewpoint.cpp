#include "fourm/rooms/room_builder.h"

#include <algorithm>

#include "fourm/rooms/solids.h"

namespace fourm {

// Denser near the ends, as the camera usually is near a wall.
static float toward_edge(Random& random, float low, float high) {
  const float t = between(random, -1, 1), s = std::cbrt(t);
  return low + (high - low) * (0.5f + 0.5f * s);
}

void RoomBuilder::lights() {
  if (const int64_t model = draw("ceiling lamp"); model >= 0 && random_.chance(0.5)) {
    const float x = between(random_, 0.4, 0.6) * room_.size.x, z = between(random_, 0.4, 0.6) * room_.size.z;
    const float y = room_.size.y - size_of(model).y - 0.021f;
    if (y > 1.7f) place(model, 0, {x, y, z});
  }
  Lighting& light = room_.light;
  const float azimuth = between(random_, 0, 2 * kPi), height = between(random_, 0.75, 1.25);
  light.key_from = {std::cos(height) * std::sin(azimuth), std::sin(height), std::cos(height) * std::cos(azimuth)};
  const float warmth = between(random_, -0.08, 0.14), strength = between(random_, 0.4, 0.75);
  light.key = Vec3{1 + warmth, 1, 1 - warmth} * strength;
  const float fill = between(random_, 0.42, 0.62);
  light.ambient_ceiling = Vec3{0.98f, 1, 1.03f} * fill;
  light.ambient_floor = Vec3{1.05f, 1, 0.94f} * (fill * between(random_, 0.55, 0.8));
  light.lamp_at = {between(random_, 0.25, 0.75) * room_.size.x, between(random_, 1.6, room_.size.y - 0.2),
                   between(random_, 0.25, 0.75) * room_.size.z};
  light.lamp = Vec3{1.1f, 0.98f, 0.8f} * between(random_, 0, 0.6);
  light.softness = between(random_, 0.02, 0.09);
}

void RoomBuilder::camera() {
  std::vector<SceneObject> boxes;
  std::vector<Vec3> targets;
  for (size_t i = 0; i < room_.instances.size(); ++i) {
    const ObjectInstance& instance = room_.instances[i];
    if (!is_furniture(instance.semantic)) continue;
    Mesh mesh;
    mesh.materials.resize(1);
    add_box(mesh, instance.box.low, instance.box.high, 0);
    SceneObject object;
    object.mesh = std::make_shared<Mesh>(std::move(mesh));
    object.instance = static_cast<uint16_t>(i + 1);
    boxes.push_back(std::move(object));
    targets.push_back(instance.box.centre());
  }
  float best = -1e9f;
  for (int i = 0; i < 24; ++i) {
    const float margin = 0.3f;
    const Vec3 from{toward_edge(random_, margin, room_.size.x - margin), between(random_, 1.05, 1.7),
                    toward_edge(random_, margin, room_.size.z - margin)};
    const float tangent = between(random_, 0.6, 0.9);
    Vec3 to{room_.size.x / 2, 0.6f, room_.size.z / 2};
    if (!targets.empty()) {
      const Vec3 one = random_.pick(targets), other = random_.pick(targets);
      to = lerp(lerp(one, other, 0.4f), to, between(random_, 0, 0.5));
      to.y = std::clamp(to.y, 0.4f, 1.3f) + between(random_, -0.05, 0.4);
      to.y = std::max(to.y, from.y - 0.55f * std::hypot(to.x - from.x, to.z - from.z));  // not at the feet
    }
    const Camera candidate = Camera::look(from, to, tangent);
    const float score = view_score(candidate, boxes);
    if (score > best) {
      best = score;
      room_.camera = candidate;
    }
  }
}

float RoomBuilder::view_score(const Camera& camera, const std::vector<SceneObject>& boxes) const {
  const Vec3 p = camera.position;
  const Box3 head{p - Vec3{0.3f, 0.3f, 0.3f}, p + Vec3{0.3f, 0.3f, 0.3f}};
  for (const ObjectInstance& instance : room_.instances)
    if (instance.box.overlaps(head)) return -1e6f;
  constexpr int kSide = 32;
  const auto hits = View(boxes, camera).trace(kSide, kSide, Layer::kAll);
  std::vector<int> area(boxes.size());
  int seen = 0;
  float nearest = 100;
  for (const Hit& hit : hits)
    if (hit) {
      ++seen;
      ++area[hit.object];
      nearest = std::min(nearest, 1 / hit.inverse_depth);
    }
  const float share = static_cast<float>(seen) / (kSide * kSide);
  const auto many = std::count_if(area.begin(), area.end(), [](int a) { return a >= 12; });
  const auto slivers = std::count_if(area.begin(), area.end(), [](int a) { return a > 0 && a < 6; });
  const int largest = area.empty() ? 0 : *std::max_element(area.begin(), area.end());
  return std::min<float>(many, 6) + 6 * std::min(share, 0.5f) - 12 * std::max(0.0f, share - 0.65f) - 0.3f * slivers -
         (nearest < 0.9f ? 3.0f * (0.9f - nearest) : 0.0f) - (largest > kSide * kSide * 0.45 ? 2.0f : 0.0f);
}

}  // namespace fourm
