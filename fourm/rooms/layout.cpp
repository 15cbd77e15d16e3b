#include "fourm/rooms/layout.h"

#include <algorithm>
#include <numbers>

#include "fourm/rooms/solids.h"

namespace fourm {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;

float between(Random& random, double low, double high) { return static_cast<float>(random.uniform(low, high)); }

// Denser near the ends, where a photographer stands.
float toward_edge(Random& random, float low, float high) {
  const float t = between(random, -1, 1), s = std::cbrt(t);
  return low + (high - low) * (0.5f + 0.5f * s);
}

// A wall seen from inside: where it starts, along which axis it runs, which way it faces.
struct Wall {
  Vec3 start, along, inward;
  float length, angle;  // angle turns +z to `inward`
};

class Builder {
 public:
  Builder(const Catalogue& catalogue, const Casting& casting, Random& random)
      : catalogue_(catalogue), casting_(casting), random_(random) {}

  Room build() {
    room_.kind = static_cast<RoomKind>(random_.below(5));
    shell();
    openings();
    switch (room_.kind) {
      case RoomKind::kLiving:
        living();
        break;
      case RoomKind::kBedroom:
        bedroom();
        break;
      case RoomKind::kKitchen:
        kitchen();
        break;
      case RoomKind::kBath:
        bath();
        break;
      case RoomKind::kOffice:
        office();
        break;
    }
    pictures();
    lights();
    camera();
    return std::move(room_);
  }

 private:
  static constexpr int kNothing = -1;  // index into things

  // ---- the empty room ----

  void shell() {
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

  void structure(Mesh mesh, RoomClass semantic) {
    SceneObject object;
    object.mesh = std::make_shared<Mesh>(std::move(mesh));
    object.semantic = semantic;
    object.casts_shadow = false;
    room_.objects.push_back(std::move(object));
  }

  // ---- putting things somewhere ----

  uint16_t add_thing(std::string name, int64_t model, RoomClass semantic, const Box3& box) {
    room_.things.push_back({std::move(name), model, semantic, box});
    return static_cast<uint16_t>(room_.things.size());
  }

  // The box of a model of the given size, turned, with its foot at `foot`.
  static Box3 box_of(Vec3 size, float angle, Vec3 foot) {
    const float c = std::abs(std::cos(angle)), s = std::abs(std::sin(angle));
    const Vec3 half{(size.x * c + size.z * s) / 2, 0, (size.x * s + size.z * c) / 2};
    return {foot - half, foot + half + Vec3{0, size.y, 0}};
  }

  bool inside(const Box3& box) const {
    constexpr float kSlack = 1e-3f;
    return box.low.x >= -kSlack && box.low.z >= -kSlack && box.high.x <= room_.size.x + kSlack &&
           box.high.z <= room_.size.z + kSlack && box.high.y <= room_.size.y - 0.02f;
  }

  bool is_free(const Box3& box) const {
    constexpr float kTouch = 2e-3f;
    return inside(box) &&
           std::none_of(room_.things.begin(), room_.things.end(),
                        [&](const Thing& t) { return t.box.overlaps(box, kTouch); }) &&
           std::none_of(reserved_.begin(), reserved_.end(), [&](const Box3& r) { return r.overlaps(box, kTouch); });
  }

  // Stands a model there unless something is in the way. Returns its index.
  int stand(int64_t model, float angle, Vec3 foot) {
    const auto& m = catalogue_.models()[model];
    const Box3 box = box_of(m.size, angle, foot);
    if (!is_free(box)) return kNothing;
    auto mesh = catalogue_.mesh(static_cast<size_t>(model));
    if (!mesh) return kNothing;
    SceneObject object;
    object.mesh = std::move(mesh);
    object.turn = turn(angle);
    object.offset = foot;
    object.semantic = m.semantic;
    object.tint = tint(m.semantic);
    object.instance = add_thing(m.name, model, m.semantic, box);
    room_.objects.push_back(std::move(object));
    angles_.resize(room_.things.size());
    angles_.back() = angle;
    return static_cast<int>(room_.things.size()) - 1;
  }

  // Upholstery and painted wood come in many colours.
  Vec3 tint(RoomClass c) {
    const bool dyed = c == kSofa || c == kArmchair || c == kChair || c == kBed || c == kRug || c == kStool ||
                      c == kCabinet || c == kLamp;
    if (!dyed || random_.chance(0.55)) return {1, 1, 1};
    return mix({1, 1, 1}, random_hsv(random_, {0, 360}, {0.3, 0.8}, {1, 1}), 0.9f);
  }

  int64_t draw(const std::string& part) { return casting_.draw(part, random_); }

  // With its back to a random wall, somewhere along it; heights above 0 hang.
  int at_wall(const std::string& part, float height = 0, int tries = 10, int only_wall = -1) {
    for (int i = 0; i < tries; ++i) {
      const int64_t model = draw(part);
      if (model < 0) return kNothing;
      const auto& m = catalogue_.models()[model];
      const int w = only_wall >= 0 ? only_wall : static_cast<int>(random_.below(4));
      const float room = walls_[w].length - m.size.x;
      if (room < 0.02f) continue;
      const float s = between(random_, 0.01, room - 0.01) + m.size.x / 2;
      if (const int thing = on_wall(model, w, s, height); thing != kNothing) return thing;
    }
    return kNothing;
  }

  int on_wall(int64_t model, int w, float along, float height) {
    const auto& m = catalogue_.models()[model];
    const Wall& wall = walls_[w];
    const Vec3 foot = wall.start + wall.along * along + wall.inward * (m.size.z / 2 + 0.015f) + Vec3{0, height, 0};
    const int thing = stand(model, wall.angle, foot);
    if (thing != kNothing) last_wall_ = w;
    return thing;
  }

  // In a corner of the room.
  int in_corner(const std::string& part) {
    for (int i = 0; i < 8; ++i) {
      const int64_t model = draw(part);
      if (model < 0) return kNothing;
      const auto& m = catalogue_.models()[model];
      const float r = std::max(m.size.x, m.size.z) / 2 + 0.06f;
      const Vec3 foot{random_.chance(0.5) ? r : room_.size.x - r, 0, random_.chance(0.5) ? r : room_.size.z - r};
      if (const int thing = stand(model, random_.below(4) * kPi / 2, foot); thing != kNothing) return thing;
    }
    return kNothing;
  }

  // Anywhere on the floor.
  int free_standing(const std::string& part, bool askew, float margin = 0.5f) {
    for (int i = 0; i < 12; ++i) {
      const int64_t model = draw(part);
      if (model < 0) return kNothing;
      const Vec3 foot{between(random_, margin, room_.size.x - margin), 0,
                      between(random_, margin, room_.size.z - margin)};
      const float angle = askew ? between(random_, 0, 2 * kPi) : random_.below(4) * kPi / 2;
      if (const int thing = stand(model, angle, foot); thing != kNothing) return thing;
    }
    return kNothing;
  }

  Vec3 forward(int thing) const { return {std::sin(angles_[thing]), 0, std::cos(angles_[thing])}; }

  // Before a thing, facing it or facing as it does.
  int in_front(const std::string& part, int of, float gap, bool facing_it, float aside = 0) {
    if (of == kNothing) return kNothing;
    for (int i = 0; i < 4; ++i) {
      const int64_t model = draw(part);
      if (model < 0) return kNothing;
      const auto& m = catalogue_.models()[model];
      const Vec3 ahead = forward(of), side{ahead.z, 0, -ahead.x};
      const Box3& box = room_.things[of].box;
      const float reach = std::abs(dot(box.size(), ahead)) / 2 + m.size.z / 2 + gap;
      const Vec3 foot = Vec3{box.centre().x, 0, box.centre().z} + ahead * reach + side * aside;
      if (const int thing = stand(model, angles_[of] + (facing_it ? kPi : 0), foot); thing != kNothing) return thing;
    }
    return kNothing;
  }

  // Beside a thing, facing as it does, backs in line.
  int beside(const std::string& part, int of, bool right, float gap) {
    if (of == kNothing) return kNothing;
    for (int i = 0; i < 3; ++i) {
      const int64_t model = draw(part);
      if (model < 0) return kNothing;
      const auto& m = catalogue_.models()[model];
      const Vec3 ahead = forward(of), side = Vec3{ahead.z, 0, -ahead.x} * (right ? 1.0f : -1.0f);
      const Box3& box = room_.things[of].box;
      const float reach = std::abs(dot(box.size(), side)) / 2 + m.size.x / 2 + gap;
      const float back = m.size.z / 2 - std::abs(dot(box.size(), ahead)) / 2;
      const Vec3 foot = Vec3{box.centre().x, 0, box.centre().z} + side * reach + ahead * back;
      if (const int thing = stand(model, angles_[of], foot); thing != kNothing) return thing;
    }
    return kNothing;
  }

  // On a thing whose top is flat.
  int on_top(const std::string& part, int of, float spread = 0.3f) {
    if (of == kNothing) return kNothing;
    const auto& base = catalogue_.models()[room_.things[of].model];
    if (base.top < 0 || base.top > base.size.y + 0.01f) return kNothing;
    for (int i = 0; i < 6; ++i) {
      const int64_t model = draw(part);
      if (model < 0) return kNothing;
      const auto& m = catalogue_.models()[model];
      const Box3& box = room_.things[of].box;
      if (m.size.x > 0.95f * base.size.x || m.size.z > 1.1f * base.size.z) continue;
      const Vec3 ahead = forward(of), side{ahead.z, 0, -ahead.x};
      const float a = between(random_, -spread, spread) * std::max(0.0f, base.size.x - m.size.x);
      const float b = between(random_, -spread, spread) * std::max(0.0f, base.size.z - m.size.z);
      const Vec3 foot{box.centre().x, box.low.y + base.top + 1e-3f, box.centre().z};
      // The base's box reaches up to its highest point, which may be above the top: look only at other things.
      const Box3 own = room_.things[of].box;
      room_.things[of].box.high.y = std::min(own.high.y, foot.y);
      const int thing = stand(model, angles_[of], foot + side * a + ahead * b);
      room_.things[of].box = own;
      if (thing != kNothing) return thing;
    }
    return kNothing;
  }

  void chairs_around(int table, int most) {
    if (table == kNothing) return;
    const int64_t model = draw("chair");
    if (model < 0) return;
    const auto& chair = catalogue_.models()[model];
    const Box3 box = room_.things[table].box;
    const Vec3 dye = tint(kChair);
    for (int side = 0; side < 4 && most > 0; ++side) {
      const float angle = side * kPi / 2;
      const Vec3 out{std::sin(angle), 0, std::cos(angle)}, along{out.z, 0, -out.x};
      const float length = std::abs(dot(box.size(), along));
      const int seats = length > 1.3f ? 2 : 1;
      for (int k = 0; k < seats && most > 0; ++k) {
        if (random_.chance(0.2)) continue;
        const float shift = seats == 1 ? 0 : (k - 0.5f) * length / 2;
        const float reach = std::abs(dot(box.size(), out)) / 2 + chair.size.z / 2 + between(random_, 0.01, 0.12);
        const Vec3 foot = Vec3{box.centre().x, 0, box.centre().z} + out * reach + along * shift;
        if (stand(model, angle + kPi, foot) == kNothing) continue;
        room_.objects.back().tint = dye;
        --most;
      }
    }
  }

  // ---- kinds of rooms ----

  void openings() {
    const int doors = random_.chance(0.6), windows = static_cast<int>(random_.between(0, 2));
    for (int i = 0; i < doors; ++i) opening("door", 0);
    for (int i = 0; i < windows; ++i) opening("window", between(random_, 0.85, 1.1));
  }

  // Doors and windows are flattened against the wall; what is seen through the panes is painted behind them.
  void opening(const std::string& part, float height) {
    const int64_t model = draw(part);
    const int w = static_cast<int>(random_.below(4));
    const Wall& wall = walls_[w];
    const RoomClass semantic = part == "door" ? kDoor : kWindow;
    Vec3 size = model >= 0          ? catalogue_.models()[model].size
                : semantic == kDoor ? Vec3{0.85f, 2.05f, 0.1f}
                                    : Vec3{between(random_, 0.7, 1.6), between(random_, 0.8, 1.3), 0.1f};
    auto mesh = model >= 0 ? catalogue_.mesh(static_cast<size_t>(model)) : plain_opening(semantic, size);
    if (!mesh || wall.length < size.x + 0.4f || height + size.y > room_.size.y - 0.08f) return;
    const float along = between(random_, 0.2, wall.length - size.x - 0.2) + size.x / 2;
    const float thin = 0.07f;
    Vec3 flat_size = size;
    flat_size.z = thin;
    const Vec3 foot = wall.start + wall.along * along + wall.inward * (thin / 2 + 0.004f) + Vec3{0, height, 0};
    const Box3 box = box_of(flat_size, wall.angle, foot);
    if (!is_free(box)) return;
    SceneObject object;
    object.mesh = stretched(*mesh, {1, 1, thin / std::max(size.z, 0.01f)});
    object.turn = turn(wall.angle);
    object.offset = foot;
    object.semantic = semantic;
    object.casts_shadow = false;
    object.instance = add_thing(model >= 0 ? catalogue_.models()[model].name : part, model, semantic, box);
    angles_.push_back(wall.angle);
    if (semantic == kDoor) {
      Box3 clear = box_of({size.x, size.y, 0.9f}, wall.angle, foot + wall.inward * 0.45f);
      reserved_.push_back(clear);
    }
    const uint16_t instance = object.instance;
    room_.objects.push_back(std::move(object));
    if (semantic == kDoor) return;
    Mesh view;
    view.materials.resize(1);
    view.materials[0].texture = random_outside(random_);
    view.materials[0].glow = Vec3{0.35f, 0.36f, 0.38f};
    const Vec3 corner = wall.start + wall.along * (along - 0.48f * size.x) + Vec3{0, height + 0.02f * size.y, 0};
    add_quad(view, corner + wall.inward * 0.003f, wall.along * (0.96f * size.x), {0, 0.96f * size.y, 0}, 0);
    SceneObject outside;
    outside.mesh = std::make_shared<Mesh>(std::move(view));
    outside.semantic = kWindow;
    outside.instance = instance;
    outside.casts_shadow = false;
    room_.objects.push_back(std::move(outside));
  }

  std::shared_ptr<const Mesh> plain_opening(RoomClass semantic, Vec3 size) {
    Mesh mesh;
    mesh.materials.resize(2);
    mesh.materials[0].colour = random_hsv(random_, {30, 30}, {0, 0.5}, {0.4, 0.95});
    const float w = size.x / 2, h = size.y, d = size.z / 2, bar = 0.06f;
    if (semantic == kDoor) {
      add_box(mesh, {-w, 0, -d}, {w, h, 0.5f * d}, 0);
      add_sphere(mesh, {0.8f * w, 0.48f * h, 0.7f * d}, 0.03f, 1, 16);
    } else {
      for (const float x : {-w, -bar / 2, w - bar}) add_box(mesh, {x, 0, -d}, {x + bar, h, d}, 0);
      for (const float y : {0.0f, h - bar}) add_box(mesh, {-w, y, -d}, {w, y + bar, d}, 0);
    }
    return std::make_shared<Mesh>(std::move(mesh));
  }

  void living() {
    const int sofa = at_wall("sofa");
    const int wall = last_wall_;
    const int table =
        random_.chance(0.8) ? in_front("coffee table", sofa, between(random_, 0.25, 0.5), false) : kNothing;
    if (random_.chance(0.5)) on_top(random_.chance(0.5) ? "vase" : "small plant", table);
    if (random_.chance(0.6)) under("rug", table != kNothing ? table : sofa);
    if (sofa != kNothing && random_.chance(0.75)) {
      const int stand = at_wall("tv stand", 0, 8, (wall + 2) % 4);
      if (random_.chance(0.85)) on_top("tv", stand, 0.05f);
    }
    if (random_.chance(0.45)) beside("armchair", sofa, random_.chance(0.5), 0.2f);
    if (random_.chance(0.6)) in_corner("plant");
    if (random_.chance(0.5)) in_corner("floor lamp");
    if (random_.chance(0.5)) at_wall("bookcase");
    if (random_.chance(0.18)) at_wall("fireplace");
    if (random_.chance(0.15)) at_wall("piano");
    if (random_.chance(0.35)) at_wall("dresser");
    if (random_.chance(0.4)) chairs_around(free_standing("dining table", false, 1.0f), 4);
    if (random_.chance(0.4)) free_standing("armchair", true, 0.8f);
    if (random_.chance(0.25)) free_standing("stool", true);
  }

  void bedroom() {
    const int bed = at_wall(random_.chance(0.9) ? "bed" : "crib", 0, 14);
    for (const bool right : {false, true})
      if (random_.chance(0.65)) {
        const int side = beside("bedside table", bed, right, 0.05f);
        if (random_.chance(0.6)) on_top("table lamp", side, 0.1f);
      }
    if (random_.chance(0.8)) at_wall("wardrobe");
    if (random_.chance(0.5)) on_top(random_.chance(0.5) ? "small plant" : "table lamp", at_wall("dresser"));
    if (random_.chance(0.3)) in_front("stool", at_wall("dressing table"), 0.05f, true);
    if (random_.chance(0.4)) in_front("chair", at_wall("desk"), 0.03f, true);
    if (random_.chance(0.4)) under("rug", kNothing);
    if (random_.chance(0.35)) at_wall("bookcase");
    if (random_.chance(0.4)) free_standing("armchair", true, 0.7f);
    if (random_.chance(0.45)) in_corner("plant");
    if (random_.chance(0.35)) in_corner("floor lamp");
    if (random_.chance(0.3)) free_standing("toy", true);
    if (random_.chance(0.4)) at_wall("chair");
  }

  void kitchen() {
    // A row along one wall, units side by side.
    const int w = static_cast<int>(random_.below(4));
    float along = between(random_, 0.02, 0.3);
    const Vec3 paint = tint(kCabinet);  // one for all units
    std::vector<std::string> row = {"lower cabinet", "kitchen sink", "stove", "fridge", "lower cabinet"};
    if (random_.chance(0.5)) row.push_back("washing machine");
    if (random_.chance(0.5)) row.push_back("lower cabinet");
    random_.shuffle(row);
    for (const auto& part : row) {
      const int64_t model = draw(part);
      if (model < 0) continue;
      const auto& m = catalogue_.models()[model];
      const float height = m.size.y < 0.75f ? std::max(0.0f, std::min(m.elevation, 1.0f)) : 0.0f;
      if (along + m.size.x > walls_[w].length - 0.02f) continue;
      const int unit = on_wall(model, w, along + m.size.x / 2, height);
      if (unit == kNothing) {
        along += 0.3f;
        continue;
      }
      along += m.size.x + 0.01f;
      if (m.semantic == kCabinet) room_.objects.back().tint = paint;
      if (part == "lower cabinet" && random_.chance(0.4)) on_top(random_.chance(0.3) ? "small plant" : "vase", unit);
    }
    for (int i = 0; i < 4; ++i)
      if (random_.chance(0.6) && at_wall("upper cabinet", 1.45f, 6, w) != kNothing) room_.objects.back().tint = paint;
    if (random_.chance(0.75)) {
      const int table = free_standing("dining table", false, 1.0f);
      chairs_around(table, 6);
      if (random_.chance(0.5)) on_top("vase", table);
    }
    if (random_.chance(0.4)) free_standing("stool", true);
    if (random_.chance(0.3)) in_corner("plant");
    if (random_.chance(0.3)) in_corner("bin");
    if (random_.chance(0.3)) at_wall("dresser");
  }

  void bath() {
    if (random_.chance(0.85)) {
      const int64_t model = draw("bath");
      if (model >= 0) {  // along a wall, long side or short side to it
        const auto& m = catalogue_.models()[model];
        for (int i = 0; i < 8; ++i) {
          const Wall& wall = walls_[random_.below(4)];
          if (wall.length < m.size.x + 0.1f) continue;
          const float s = random_.chance(0.5) ? m.size.x / 2 + 0.02f : wall.length - m.size.x / 2 - 0.02f;
          if (stand(model, wall.angle, wall.start + wall.along * s + wall.inward * (m.size.z / 2 + 0.01f)) != kNothing)
            break;
        }
      }
    }
    hung("washbasin");
    at_wall("toilet", 0, 12);
    if (random_.chance(0.5)) in_corner("shower");
    if (random_.chance(0.4)) at_wall("washing machine");
    if (random_.chance(0.5)) at_wall("radiator", between(random_, 0.1, 0.25));
    if (random_.chance(0.25)) hung("washbasin");
    if (random_.chance(0.35)) free_standing("bath mat", false);
    if (random_.chance(0.35)) free_standing("stool", false, 0.3f);
    if (random_.chance(0.3)) in_corner("plant");
    if (random_.chance(0.3)) at_wall("bin");
  }

  // At the height the catalogue gives it.
  void hung(const std::string& part) {
    for (int i = 0; i < 8; ++i) {
      const int64_t model = draw(part);
      if (model < 0) return;
      const auto& m = catalogue_.models()[model];
      const int w = static_cast<int>(random_.below(4));
      if (walls_[w].length < m.size.x + 0.1f) continue;
      const float s = between(random_, 0.05, walls_[w].length - m.size.x - 0.05) + m.size.x / 2;
      if (on_wall(model, w, s, m.elevation) != kNothing) return;
    }
  }

  void office() {
    for (int i = 0, desks = random_.chance(0.3) ? 2 : 1; i < desks; ++i) {
      int desk = random_.chance(0.6) ? at_wall(random_.chance(0.6) ? "desk" : "office table")
                                     : free_standing(random_.chance(0.6) ? "desk" : "office table", false, 0.9f);
      in_front(random_.chance(0.7) ? "office chair" : "chair", desk, 0.04f, true);
      if (random_.chance(0.7)) on_top("laptop", desk, 0.1f);
      if (random_.chance(0.5)) on_top("table lamp", desk, 0.45f);
    }
    if (random_.chance(0.7)) at_wall("bookcase");
    if (random_.chance(0.6)) at_wall("filing cabinet");
    if (random_.chance(0.35)) at_wall("bookcase");
    if (random_.chance(0.5)) in_corner("plant");
    if (random_.chance(0.35)) in_corner("floor lamp");
    if (random_.chance(0.3)) in_corner("bin");
    if (random_.chance(0.25)) at_wall("sofa");
    if (random_.chance(0.3)) at_wall("radiator", 0.12f);
    if (random_.chance(0.35)) chairs_around(free_standing("dining table", false, 1.0f), 4);
    if (random_.chance(0.4)) free_standing("chair", true);
    if (random_.chance(0.3)) under("rug", kNothing);
  }

  // A rug lies under other things: it only keeps clear of rugs.
  void under(const std::string& part, int thing) {
    const int64_t model = draw(part);
    if (model < 0) return;
    const auto& m = catalogue_.models()[model];
    Vec3 centre{room_.size.x / 2, 0, room_.size.z / 2};
    float angle = random_.below(2) * kPi / 2;
    if (thing != kNothing) {
      const Box3& box = room_.things[thing].box;
      centre = {box.centre().x, 0, box.centre().z};
      angle = angles_[thing];
    }
    Box3 box = box_of(m.size, angle, centre);
    if (!inside(box)) return;
    const auto mesh = catalogue_.mesh(static_cast<size_t>(model));
    if (!mesh) return;
    constexpr float kThin = 0.008f;
    box.high.y = 0;  // takes no room
    SceneObject object;
    object.mesh = stretched(*mesh, {1, kThin / m.size.y, 1});
    object.turn = turn(angle);
    object.offset = centre + Vec3{0, 5e-4f, 0};
    object.semantic = kRug;
    object.tint = tint(kRug);
    object.casts_shadow = false;
    object.instance = add_thing(m.name, model, kRug, box);
    angles_.push_back(angle);
    room_.objects.push_back(std::move(object));
  }

  void pictures() {
    if (room_.kind == RoomKind::kBath && random_.chance(0.8)) return;
    for (int i = static_cast<int>(random_.between(0, 3)); i > 0; --i) {
      const Vec3 size{between(random_, 0.35, 1.1), between(random_, 0.35, 0.8), 0.03f};
      const Wall& wall = walls_[random_.below(4)];
      if (wall.length < size.x + 0.4f) continue;
      const float along = between(random_, 0.2, wall.length - size.x - 0.2) + size.x / 2;
      const Vec3 foot =
          wall.start + wall.along * along + wall.inward * 0.017f + Vec3{0, between(random_, 1.25, 1.5), 0};
      const Box3 box = box_of(size, wall.angle, foot);
      if (!is_free(box)) continue;
      Mesh mesh;
      mesh.materials.resize(2);
      mesh.materials[0].colour = random_hsv(random_, {30, 30}, {0, 0.6}, {0.05, 0.95});
      mesh.materials[1].texture = random_painting(random_);
      const float w = size.x / 2, edge = between(random_, 0.015, 0.05);
      add_box(mesh, {-w, 0, -0.015f}, {w, size.y, 0.012f}, 0);
      add_quad(mesh, {-w + edge, edge, 0.0135f}, {2 * (w - edge), 0, 0}, {0, size.y - 2 * edge, 0}, 1);
      SceneObject object;
      object.mesh = std::make_shared<Mesh>(std::move(mesh));
      object.turn = turn(wall.angle);
      object.offset = foot;
      object.semantic = kPicture;
      object.instance = add_thing("picture", -1, kPicture, box);
      angles_.push_back(wall.angle);
      room_.objects.push_back(std::move(object));
    }
  }

  void lights() {
    if (const int64_t model = draw("ceiling lamp"); model >= 0 && random_.chance(0.5)) {
      const auto& m = catalogue_.models()[model];
      const float x = between(random_, 0.4, 0.6) * room_.size.x, z = between(random_, 0.4, 0.6) * room_.size.z;
      const float y = room_.size.y - m.size.y - 0.021f;
      if (y > 1.7f) stand(model, 0, {x, y, z});
    }
    Lighting& light = room_.light;
    const float azimuth = between(random_, 0, 2 * kPi), height = between(random_, 0.75, 1.25);
    light.key_from = {std::cos(height) * std::sin(azimuth), std::sin(height), std::cos(height) * std::cos(azimuth)};
    const float warmth = between(random_, -0.08, 0.14), strength = between(random_, 0.4, 0.75);
    light.key = Vec3{1 + warmth, 1, 1 - warmth} * strength;
    const float fill = between(random_, 0.42, 0.62);
    light.above = Vec3{0.98f, 1, 1.03f} * fill;
    light.below = Vec3{1.05f, 1, 0.94f} * (fill * between(random_, 0.55, 0.8));
    light.lamp_at = {between(random_, 0.25, 0.75) * room_.size.x, between(random_, 1.6, room_.size.y - 0.2),
                     between(random_, 0.25, 0.75) * room_.size.z};
    light.lamp = Vec3{1.1f, 0.98f, 0.8f} * between(random_, 0, 0.6);
    light.softness = between(random_, 0.02, 0.09);
  }

  // ---- the camera ----

  // Of some random places, the one from which the boxes of the furniture fill the picture best.
  void camera() {
    std::vector<SceneObject> boxes;
    std::vector<Vec3> targets;
    for (size_t i = 0; i < room_.things.size(); ++i) {
      const Thing& thing = room_.things[i];
      if (!is_furniture(thing.semantic)) continue;
      Mesh mesh;
      mesh.materials.resize(1);
      add_box(mesh, thing.box.low, thing.box.high, 0);
      SceneObject object;
      object.mesh = std::make_shared<Mesh>(std::move(mesh));
      object.instance = static_cast<uint16_t>(i + 1);
      boxes.push_back(std::move(object));
      targets.push_back(thing.box.centre());
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
        to = mix(mix(one, other, 0.4f), to, between(random_, 0, 0.5));
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

  float view_score(const Camera& camera, const std::vector<SceneObject>& boxes) const {
    const Vec3 p = camera.position;
    const Box3 head{p - Vec3{0.3f, 0.3f, 0.3f}, p + Vec3{0.3f, 0.3f, 0.3f}};
    for (const Thing& thing : room_.things)
      if (thing.box.overlaps(head)) return -1e6f;
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

  const Catalogue& catalogue_;
  const Casting& casting_;
  Random& random_;
  Room room_;
  std::vector<Wall> walls_;
  std::vector<Box3> reserved_;  // free space before doors
  std::vector<float> angles_;   // of the things
  int last_wall_ = 0;
};

}  // namespace

std::string_view room_name(RoomKind kind) {
  constexpr std::string_view kNames[] = {"living room", "bedroom", "kitchen", "bathroom", "office"};
  return kNames[static_cast<int>(kind)];
}

Room make_room(const Catalogue& catalogue, const Casting& casting, Random& random) {
  return Builder(catalogue, casting, random).build();
}

}  // namespace fourm
