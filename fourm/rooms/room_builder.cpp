#include "fourm/rooms/room_builder.h"

#include <algorithm>

#include "fourm/rooms/solids.h"

namespace fourm {

std::string_view room_name(RoomKind kind) {
  constexpr std::string_view kNames[] = {"living room", "bedroom", "kitchen", "bathroom", "office"};
  return kNames[static_cast<int>(kind)];
}

Room make_room(const Catalogue& catalogue, const PartModels& part_models, Random& random) {
  return RoomBuilder(catalogue, part_models, random).build();
}

Room RoomBuilder::build() {
  static constexpr void (RoomBuilder::*kFurnish[])() = {
      &RoomBuilder::living, &RoomBuilder::bedroom, &RoomBuilder::kitchen, &RoomBuilder::bath, &RoomBuilder::office};
  const auto kind = random_.below(std::size(kFurnish));
  room_.kind = static_cast<RoomKind>(kind);
  build_walls();
  add_windows_and_doors();
  (this->*kFurnish[kind])();
  pictures();
  lights();
  camera();
  return std::move(room_);
}

void RoomBuilder::build_walls() {
  const bool wet = room_.kind == RoomKind::kBath || room_.kind == RoomKind::kKitchen;
  const bool small = room_.kind == RoomKind::kBath;
  room_.size = {between(random_, small ? 2.2 : 3.0, small ? 3.6 : 5.5), between(random_, 2.4, 2.95),
                between(random_, small ? 2.2 : 3.0, small ? 3.6 : 5.5)};
  room_.floor = random_floor(random_, wet);
  room_.wall = random_wall(random_, wet);
  const auto [w, h, d] = room_.size;
  walls_ = {{{0, 0, 0}, {1, 0, 0}, {0, 0, 1}, w, 0},
            {{0, 0, d}, {0, 0, -1}, {1, 0, 0}, d, kPi / 2},
            {{w, 0, d}, {-1, 0, 0}, {0, 0, -1}, w, kPi},
            {{w, 0, 0}, {0, 0, 1}, {-1, 0, 0}, d, -kPi / 2}};
  Mesh floor, ceiling;
  floor.materials = {room_.floor.material};
  const float turned = random_.chance(0.5);
  const float pf = room_.floor.period, pw = room_.wall.period;
  if (turned > 0)
    add_quad(floor, {0, 0, d}, {w, 0, 0}, {0, 0, -d}, 0, {w / pf, d / pf});
  else
    add_quad(floor, {w, 0, d}, {0, 0, -d}, {-w, 0, 0}, 0, {d / pf, w / pf});
  structure(std::move(floor), kFloor);
  ceiling.materials.resize(1);
  ceiling.materials[0].colour = random_hsv(random_, {40, 40}, {0, 0.06}, {0.88, 1});
  add_quad(ceiling, {0, h, 0}, {w, 0, 0}, {0, 0, d}, 0);
  structure(std::move(ceiling), kCeiling);

  Material skirting;
  skirting.colour = random_.chance(0.7) ? hsv(0, 0, 0.93) : hsv(28, 0.5, random_.uniform(0.25, 0.55));
  const bool skirted = !wet && random_.chance(0.8);
  for (const Wall& wall : walls_) {
    Mesh mesh;
    mesh.materials = {room_.wall.material, skirting};
    add_quad(mesh, wall.start, wall.along * wall.length, {0, h, 0}, 0, {wall.length / pw, h / pw});
    const Vec3 out = wall.inward * 0.012f, rise{0, 0.09f, 0};
    if (skirted) {
      add_quad(mesh, wall.start + out, wall.along * wall.length, rise, 1);
      add_quad(mesh, wall.start + out + rise, wall.along * wall.length, -out, 1);
    }
    structure(std::move(mesh), kWall);
  }
}

void RoomBuilder::structure(Mesh mesh, RoomClass semantic) {
  SceneObject object;
  object.mesh = std::make_shared<Mesh>(std::move(mesh));
  object.semantic = semantic;
  object.casts_shadow = false;
  room_.objects.push_back(std::move(object));
}

Box3 RoomBuilder::box_of(Vec3 size, float angle, Vec3 base) {
  const float c = std::abs(std::cos(angle)), s = std::abs(std::sin(angle));
  const Vec3 half{(size.x * c + size.z * s) / 2, 0, (size.x * s + size.z * c) / 2};
  return {base - half, base + half + Vec3{0, size.y, 0}};
}

bool RoomBuilder::is_free(const Box3& box) const {
  constexpr float kSlack = 1e-3f, kTouch = 2e-3f;
  const bool inside = box.low.x >= -kSlack && box.low.z >= -kSlack && box.high.x <= room_.size.x + kSlack &&
                      box.high.z <= room_.size.z + kSlack && box.high.y <= room_.size.y - 0.02f;
  const auto hit = [&](const Box3& other) { return other.overlaps(box, kTouch); };
  return inside && std::none_of(reserved_.begin(), reserved_.end(), hit) &&
         std::none_of(room_.instances.begin(), room_.instances.end(),
                      [&](const ObjectInstance& t) { return hit(t.box); });
}

int RoomBuilder::add_instance(std::string name, int64_t model, SceneObject object, const Box3& box, float angle) {
  room_.instances.push_back({std::move(name), model, object.semantic, box});
  angles_.push_back(angle);
  object.instance = static_cast<uint16_t>(room_.instances.size());
  room_.objects.push_back(std::move(object));
  return static_cast<int>(room_.instances.size()) - 1;
}

Vec3 RoomBuilder::stretch(int64_t model) {
  const auto [found, is_new] = stretches_.try_emplace(model);
  if (!is_new) return found->second;
  const RoomClass c = catalogue_.models()[model].semantic;
  const bool oblong = c == kSofa || c == kTable || c == kDesk || c == kBed || c == kCabinet || c == kWardrobe ||
                      c == kShelf || c == kBathtub;
  const bool in_row = c == kCabinet || c == kStove || c == kRefrigerator || c == kWashingMachine || c == kSink;
  const float all = between(random_, 0.9, 1.1), longer = oblong ? between(random_, 0.85, 1.2) : 1.0f;
  const float taller = in_row ? 1.0f : between(random_, 0.93, 1.07), deeper = between(random_, 0.95, 1.05);
  return found->second = {all * longer * (random_.chance(0.5) ? -1.0f : 1.0f), taller, all * deeper};
}

Vec3 RoomBuilder::size_of(int64_t model) {
  const Vec3 scale = stretch(model);
  return catalogue_.models()[model].size * Vec3{std::abs(scale.x), scale.y, scale.z};
}

int RoomBuilder::place(int64_t model, float angle, Vec3 base) {
  const auto& m = catalogue_.models()[model];
  const Box3 box = box_of(size_of(model), angle, base);
  if (!is_free(box)) return kNone;
  const auto mesh = catalogue_.mesh(static_cast<size_t>(model));
  if (!mesh) return kNone;
  SceneObject object;
  object.mesh = stretched(*mesh, stretch(model));
  object.rotation = rotation_y(angle);
  object.offset = base;
  object.semantic = m.semantic;
  object.tint = tint(m.semantic);
  return add_instance(m.name, model, std::move(object), box, angle);
}

Vec3 RoomBuilder::tint(RoomClass c) {
  const bool dyed = c == kSofa || c == kArmchair || c == kChair || c == kBed || c == kRug || c == kStool ||
                    c == kCabinet || c == kLamp;
  const bool painted = c == kTable || c == kDesk || c == kWardrobe || c == kShelf;
  if (!random_.chance(dyed ? 0.45 : painted ? 0.3 : 0.0)) return {1, 1, 1};
  return lerp({1, 1, 1}, random_hsv(random_, {0, 360}, {0.3, 0.8}, {1, 1}), 0.9f);
}

int RoomBuilder::at_wall(const std::string& part, float height, int tries, int only_wall) {
  for (int i = 0; i < tries; ++i) {
    const int64_t model = draw(part);
    if (model < 0) return kNone;
    const Vec3 size = size_of(model);
    const int w = only_wall >= 0 ? only_wall : static_cast<int>(random_.below(4));
    const float room = walls_[w].length - size.x;
    if (room < 0.02f) continue;
    const float s = between(random_, 0.01, room - 0.01) + size.x / 2;
    if (const int instance = on_wall(model, w, s, height); instance != kNone) return instance;
  }
  return kNone;
}

int RoomBuilder::on_wall(int64_t model, int w, float along, float height) {
  const Wall& wall = walls_[w];
  const Vec3 base =
      wall.start + wall.along * along + wall.inward * (size_of(model).z / 2 + 0.015f) + Vec3{0, height, 0};
  const int instance = place(model, wall.angle, base);
  if (instance != kNone) last_wall_ = w;
  return instance;
}

int RoomBuilder::hang(const std::string& part) {
  for (int i = 0; i < 8; ++i) {
    const int64_t model = draw(part);
    if (model < 0) return kNone;
    const Vec3 size = size_of(model);
    const int w = static_cast<int>(random_.below(4));
    if (walls_[w].length < size.x + 0.1f) continue;
    const float s = between(random_, 0.05, walls_[w].length - size.x - 0.05) + size.x / 2;
    if (const int instance = on_wall(model, w, s, catalogue_.models()[model].elevation); instance != kNone)
      return instance;
  }
  return kNone;
}

int RoomBuilder::in_corner(const std::string& part) {
  for (int i = 0; i < 8; ++i) {
    const int64_t model = draw(part);
    if (model < 0) return kNone;
    const Vec3 size = size_of(model);
    const float r = std::max(size.x, size.z) / 2 + 0.06f;
    const Vec3 base{random_.chance(0.5) ? r : room_.size.x - r, 0, random_.chance(0.5) ? r : room_.size.z - r};
    if (const int instance = place(model, random_.below(4) * kPi / 2, base); instance != kNone) return instance;
  }
  return kNone;
}

int RoomBuilder::free_standing(const std::string& part, bool rotated, float margin) {
  for (int i = 0; i < 12; ++i) {
    const int64_t model = draw(part);
    if (model < 0) return kNone;
    const Vec3 base{between(random_, margin, room_.size.x - margin), 0,
                    between(random_, margin, room_.size.z - margin)};
    const float angle = rotated ? between(random_, 0, 2 * kPi) : random_.below(4) * kPi / 2;
    if (const int instance = place(model, angle, base); instance != kNone) return instance;
  }
  return kNone;
}

Vec3 RoomBuilder::forward(int instance) const { return {std::sin(angles_[instance]), 0, std::cos(angles_[instance])}; }

int RoomBuilder::in_front(const std::string& part, int of, float gap, bool facing_it) {
  if (of == kNone) return kNone;
  for (int i = 0; i < 4; ++i) {
    const int64_t model = draw(part);
    if (model < 0) return kNone;
    const Vec3 ahead = forward(of);
    const Box3& box = room_.instances[of].box;
    const float reach = std::abs(dot(box.size(), ahead)) / 2 + size_of(model).z / 2 + gap;
    const Vec3 base = Vec3{box.centre().x, 0, box.centre().z} + ahead * reach;
    if (const int instance = place(model, angles_[of] + (facing_it ? kPi : 0), base); instance != kNone)
      return instance;
  }
  return kNone;
}

int RoomBuilder::beside(const std::string& part, int of, bool right, float gap) {
  if (of == kNone) return kNone;
  for (int i = 0; i < 3; ++i) {
    const int64_t model = draw(part);
    if (model < 0) return kNone;
    const Vec3 size = size_of(model);
    const Vec3 ahead = forward(of), side = Vec3{ahead.z, 0, -ahead.x} * (right ? 1.0f : -1.0f);
    const Box3& box = room_.instances[of].box;
    const float reach = std::abs(dot(box.size(), side)) / 2 + size.x / 2 + gap;
    const float back = size.z / 2 - std::abs(dot(box.size(), ahead)) / 2;
    const Vec3 base = Vec3{box.centre().x, 0, box.centre().z} + side * reach + ahead * back;
    if (const int instance = place(model, angles_[of], base); instance != kNone) return instance;
  }
  return kNone;
}

int RoomBuilder::on_top(const std::string& part, int of, float spread) {
  if (of == kNone || !catalogue_.models()[room_.instances[of].model].supports_objects) return kNone;
  const auto support = std::find_if(room_.objects.begin(), room_.objects.end(),
                                    [&](const SceneObject& object) { return object.instance == of + 1; });
  const std::shared_ptr<const Mesh> mesh = support->mesh;
  const Vec3 extent = size_of(room_.instances[of].model);
  const Vec3 ahead = forward(of), side{ahead.z, 0, -ahead.x};
  for (int i = 0; i < 6; ++i) {
    const int64_t model = draw(part);
    if (model < 0) return kNone;
    const Vec3 size = size_of(model);
    if (size.x > 0.95f * extent.x || size.z > 1.1f * extent.z) continue;
    const float a = between(random_, -spread, spread) * std::max(0.0f, extent.x - size.x);
    const float b = between(random_, -spread, spread) * std::max(0.0f, extent.z - size.z);
    const auto top = support_height(*mesh, {a, 0, b}, size * kFootprint);
    if (!top) continue;
    const Box3 own = room_.instances[of].box;
    const Vec3 base{own.centre().x, own.low.y + *top + 1e-3f, own.centre().z};
    // The box of the supporting object reaches up to its highest point, which may be above its top surface: test the others only.
    room_.instances[of].box.high.y = std::min(own.high.y, base.y);
    const int instance = place(model, angles_[of], base + side * a + ahead * b);
    room_.instances[of].box = own;
    if (instance != kNone) return instance;
  }
  return kNone;
}

void RoomBuilder::chairs_around(int table, int most) {
  if (table == kNone) return;
  const int64_t model = draw("chair");
  if (model < 0) return;
  const Vec3 chair = size_of(model);
  const Box3 box = room_.instances[table].box;
  const Vec3 dye = tint(kChair);
  for (int side = 0; side < 4 && most > 0; ++side) {
    const float angle = side * kPi / 2;
    const Vec3 out{std::sin(angle), 0, std::cos(angle)}, along{out.z, 0, -out.x};
    const float length = std::abs(dot(box.size(), along));
    const int seats = length > 1.3f ? 2 : 1;
    for (int k = 0; k < seats && most > 0; ++k) {
      if (random_.chance(0.2)) continue;
      const float shift = seats == 1 ? 0 : (k - 0.5f) * length / 2;
      const float reach = std::abs(dot(box.size(), out)) / 2 + chair.z / 2 + between(random_, 0.01, 0.12);
      const Vec3 base = Vec3{box.centre().x, 0, box.centre().z} + out * reach + along * shift;
      if (place(model, angle + kPi, base) == kNone) continue;
      room_.objects.back().tint = dye;
      --most;
    }
  }
}

}  // namespace fourm
