#include "fourm/rooms/room_builder.h"

namespace fourm {

void RoomBuilder::living() {
  const int sofa = at_wall("sofa");
  const int wall = last_wall_;
  const int table = random_.chance(0.8) ? in_front("coffee table", sofa, between(random_, 0.25, 0.5), false) : kNone;
  if (random_.chance(0.5)) on_top(random_.chance(0.5) ? "vase" : "small plant", table);
  if (random_.chance(0.6)) rug(table != kNone ? table : sofa);
  if (sofa != kNone && random_.chance(0.75)) {
    if (random_.chance(0.8))
      on_top("tv", at_wall("tv stand", 0, 8, (wall + 2) % 4), 0.05f);
    else
      at_wall("wall tv", 0.95f, 6, (wall + 2) % 4);
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

void RoomBuilder::bedroom() {
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
  if (random_.chance(0.4)) rug(kNone);
  if (random_.chance(0.35)) at_wall("bookcase");
  if (random_.chance(0.35)) on_top("tv", at_wall("tv stand"), 0.05f);
  if (random_.chance(0.4)) free_standing("armchair", true, 0.7f);
  if (random_.chance(0.45)) in_corner("plant");
  if (random_.chance(0.35)) in_corner("floor lamp");
  if (random_.chance(0.3)) free_standing("toy", true);
  if (random_.chance(0.4)) at_wall("chair");
}

void RoomBuilder::kitchen() {
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
    const Vec3 size = size_of(model);
    const float height = size.y < 0.75f ? std::max(0.0f, std::min(m.elevation, 1.0f)) : 0.0f;
    if (along + size.x > walls_[w].length - 0.02f) continue;
    const int unit = on_wall(model, w, along + size.x / 2, height);
    if (unit == kNone) {
      along += 0.3f;
      continue;
    }
    along += size.x + 0.01f;
    if (m.semantic == kCabinet) room_.objects.back().tint = paint;
    if (part == "lower cabinet" && random_.chance(0.4)) on_top(random_.chance(0.3) ? "small plant" : "vase", unit);
  }
  for (int i = 0; i < 4; ++i)
    if (random_.chance(0.6) && at_wall("upper cabinet", 1.45f, 6, w) != kNone) room_.objects.back().tint = paint;
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

void RoomBuilder::bath() {
  if (random_.chance(0.85)) {
    const int64_t model = draw("bath");
    if (model >= 0) {  // along a wall, long side or short side to it
      const Vec3 size = size_of(model);
      for (int i = 0; i < 8; ++i) {
        const Wall& wall = walls_[random_.below(4)];
        if (wall.length < size.x + 0.1f) continue;
        const float s = random_.chance(0.5) ? size.x / 2 + 0.02f : wall.length - size.x / 2 - 0.02f;
        if (place(model, wall.angle, wall.start + wall.along * s + wall.inward * (size.z / 2 + 0.01f)) != kNone) break;
      }
    }
  }
  hang("washbasin");
  at_wall("toilet", 0, 12);
  if (random_.chance(0.5)) in_corner("shower");
  if (random_.chance(0.4)) at_wall("washing machine");
  if (random_.chance(0.5)) at_wall("radiator", between(random_, 0.1, 0.25));
  if (random_.chance(0.25)) hang("washbasin");
  if (random_.chance(0.5)) free_standing("bath mat", false);
  if (random_.chance(0.35)) free_standing("stool", false, 0.3f);
  if (random_.chance(0.3)) in_corner("plant");
  if (random_.chance(0.3)) at_wall("bin");
}

void RoomBuilder::office() {
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
  if (random_.chance(0.3)) rug(kNone);
}

}  // namespace fourm
