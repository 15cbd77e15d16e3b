// Furniture built from simple solids, each piece of a class with random parts.
#include "fourm/rooms/furniture_builder.h"

#include <algorithm>
#include <cmath>

#include "fourm/rooms/solids.h"

namespace fourm {
namespace {

const std::vector<Vec3> kColours = {{0.75f, 0.75f, 0.72f}, {0.3f, 0.14f, 0.06f},  {0.5f, 0.3f, 0.13f},
                                    {0.05f, 0.05f, 0.06f}, {0.45f, 0.05f, 0.04f}, {0.05f, 0.13f, 0.4f},
                                    {0.07f, 0.3f, 0.1f},   {0.6f, 0.45f, 0.1f}};

class FurnitureBuilder {
 public:
  FurnitureBuilder(Vec3 size, Random random) : w_(size.x / 2), h_(size.y), d_(size.z / 2), random_(random) {
    mesh_.materials.resize(kMaterials);
    for (Material& material : mesh_.materials) {
      material.colour = random_.pick(kColours) * static_cast<float>(random_.uniform(0.7, 1.1));
      material.specular = static_cast<float>(random_.uniform(0, 0.3));
    }
    mesh_.materials[kMetal].colour = Vec3{0.6f, 0.6f, 0.62f} * between(0.3f, 1);
    mesh_.materials[kDark].colour = {0.02f, 0.02f, 0.025f};
    mesh_.materials[kWhite].colour = Vec3{0.8f, 0.8f, 0.78f} * between(0.8f, 1);
  }

  Mesh build(RoomClass semantic) {
    switch (semantic) {
      case kTable: table(); break;
      case kDesk: desk(); break;
      case kStool: stool(); break;
      case kChair: chair(); break;
      case kSofa:
      case kArmchair: sofa(semantic == kSofa); break;
      case kBed: bed(); break;
      case kPlant: plant(); break;
      case kLamp: lamp(); break;
      case kShelf: shelf(); break;
      case kTelevision: television(); break;
      case kComputer: laptop(); break;
      case kToilet: toilet(); break;
      case kBathtub: bath(); break;
      case kSink: basin(); break;
      case kRefrigerator: fridge(); break;
      case kStove: stove(); break;
      case kWashingMachine: washer(); break;
      case kRug: rug(); break;
      case kWardrobe: closet(1, 4, 0); break;
      default: closet(1, 3, 5);
    }
    return std::move(mesh_);
  }

 private:
  enum Part : uint32_t { kBody, kTrim, kMetal, kDark, kWhite, kMaterials };

  float between(float low, float high) { return static_cast<float>(random_.uniform(low, high)); }
  bool chance(double p) { return random_.chance(p); }
  int count(int low, int high) { return low + static_cast<int>(random_.below(high - low + 1)); }
  // In shares of the piece: x and z from -1 to 1, y from 0 to 1.
  void box(Vec3 low, Vec3 high, uint32_t material) {
    add_box(mesh_, {low.x * w_, low.y * h_, low.z * d_}, {high.x * w_, high.y * h_, high.z * d_}, material);
  }
  void rod(float x, float z, float low, float high, float radius, uint32_t material) {
    add_cylinder(mesh_, {x * w_, low * h_, z * d_}, (high - low) * h_, radius, radius, material, 12);
  }

  // What carries a seat or a board of half width x and depth z up to a height.
  void legs(float high, float x = 0.92f, float z = 0.92f) {
    const uint32_t material = chance(0.5) ? kTrim : kMetal;
    const float thick = between(0.012f, 0.04f);
    if (chance(0.15)) {  // sledges
      for (const float side : {-x, x}) {
        box({side - thick / w_, 0, -z}, {side + thick / w_, thick / h_, z}, material);
        for (const float end : {-z, z}) rod(side, end, 0, high, thick, material);
      }
      return;
    }
    const bool round = chance(0.5);
    for (const float sx : {-x, x})
      for (const float sz : {-z, z})
        if (round)
          rod(sx, sz, 0, high, thick, material);
        else
          add_box(mesh_, {sx * w_ - thick, 0, sz * d_ - thick}, {sx * w_ + thick, high * h_, sz * d_ + thick},
                  material);
  }

  void pedestal(float high) {
    const float base = between(0.5f, 0.9f) * std::min(w_, d_);
    add_cylinder(mesh_, {0, 0, 0}, 0.04f * h_, base, 0.9f * base, kMetal);
    rod(0, 0, 0, high, between(0.02f, 0.06f), kMetal);
  }

  void table(bool drawers = false) {
    const float board = between(0.02f, 0.06f) / h_;
    const bool round = !drawers && chance(0.35);
    if (round) {
      add_cylinder(mesh_, {0, (1 - board) * h_, 0}, board * h_, std::min(w_, d_), std::min(w_, d_), kBody, 48);
      chance(0.5) ? pedestal(1 - board) : legs(1 - board, 0.55f, 0.55f);
      return;
    }
    box({-1, 1 - board, -1}, {1, 1, 1}, kBody);
    if (!drawers && chance(0.15)) return pedestal(1 - board);
    if (chance(0.2)) {  // side panels
      for (const float x : {-0.96f, 0.9f}) box({x, 0, -0.95f}, {x + 0.06f, 1 - board, 0.95f}, kTrim);
    } else {
      const float x = between(0.8f, 0.95f), z = between(0.8f, 0.95f);
      legs(1 - board, x, z);
    }
    if (const float apron = between(0, 0.14f); chance(0.5))
      box({-0.9f, 1 - board - apron, -0.85f}, {0.9f, 1 - board, 0.85f}, kTrim);
    if (chance(0.25)) box({-0.85f, 0.25f, -0.8f}, {0.85f, 0.25f + board, 0.8f}, kBody);
  }

  void desk() {
    table(true);
    const int sides = count(1, 2);
    const float wide = between(0.3f, 0.5f);
    for (int side = 0; side < sides; ++side) {
      const float x = side ? 0.94f - wide : -0.94f;
      box({x, between(0.02f, 0.3f), -0.85f}, {x + wide, 0.96f, 0.85f}, kBody);
      fronts({x, 0.3f}, {x + wide, 0.94f}, 0.85f, 1, count(1, 4));
    }
    if (chance(0.3)) box({-0.95f, 0.3f, -0.95f}, {0.95f, 0.95f, -0.9f}, kTrim);
  }

  void stool() {
    const float seat = between(0.05f, 0.15f);
    const float radius = std::min(w_, d_);
    if (chance(0.3)) {
      add_cylinder(mesh_, {0, 0, 0}, h_, between(0.7f, 1) * radius, radius, kBody);
    } else {
      if (chance(0.6))
        add_cylinder(mesh_, {0, (1 - seat) * h_, 0}, seat * h_, radius, radius, kBody);
      else
        box({-1, 1 - seat, -1}, {1, 1, 1}, kBody);
      chance(0.3) ? pedestal(1 - seat) : legs(1 - seat, 0.65f, 0.65f);
    }
  }

  void chair() {
    const float seat = between(0.43f, 0.52f), thick = between(0.03f, 0.1f);
    if (chance(0.3)) {  // swivel
      rod(0, 0, 0.06f, seat, 0.03f, kMetal);
      for (int i = 0; i < 5; ++i) {
        const float angle = static_cast<float>(i) * 1.2566f;
        box({std::min(0.0f, 0.85f * std::cos(angle)) - 0.03f, 0.03f, std::min(0.0f, 0.85f * std::sin(angle)) - 0.03f},
            {std::max(0.0f, 0.85f * std::cos(angle)) + 0.03f, 0.07f, std::max(0.0f, 0.85f * std::sin(angle)) + 0.03f},
            kDark);
      }
    } else {
      legs(seat - thick, 0.9f, 0.9f);
    }
    box({-1, seat - thick, -0.95f}, {1, seat, 1}, kBody);
    const uint32_t back = chance(0.6) ? kBody : kTrim;
    if (chance(0.5)) {
      box({-0.95f, seat + between(0, 0.15f), -1}, {0.95f, 1, -0.88f}, back);
    } else {
      for (const float x : {-0.95f, 0.85f}) box({x, seat, -1}, {x + 0.1f, 1, -0.88f}, back);
      const int bars = count(1, 5);
      if (chance(0.5)) {
        for (int i = 0; i < bars; ++i) {
          const float y = seat + (1 - seat) * (static_cast<float>(i) + 0.6f) / static_cast<float>(bars) - 0.03f;
          box({-0.9f, y, -0.98f}, {0.9f, std::min(1.0f, y + between(0.03f, 0.1f)), -0.9f}, back);
        }
      } else {
        box({-0.9f, 0.9f, -1}, {0.9f, 1, -0.88f}, back);
        for (int i = 0; i < bars; ++i) {
          const float x = -0.8f + 1.6f * (static_cast<float>(i) + 0.5f) / static_cast<float>(bars);
          box({x - 0.04f, seat, -0.97f}, {x + 0.04f, 0.92f, -0.91f}, back);
        }
      }
    }
    if (chance(0.3))
      for (const float x : {-1.0f, 0.88f}) {
        box({x, seat + 0.22f, -0.9f}, {x + 0.12f, seat + 0.26f, 0.7f}, kTrim);
        box({x, seat, 0.55f}, {x + 0.12f, seat + 0.22f, 0.7f}, kTrim);
      }
  }

  void sofa(bool wide) {
    const float seat = between(0.42f, 0.58f), back = between(0.15f, 0.35f), arm_height = between(0.6f, 0.85f);
    const float arm = std::min(0.4f, between(0.08f, 0.24f) / w_);
    const float base = chance(0.6) ? between(0.05f, 0.25f) : 0;
    const bool arms = chance(0.85);
    const float inner = arms ? 1 - arm : 1.0f;
    if (base > 0) legs(base);
    box({-1, base, -1}, {1, seat * 0.75f, 1}, kBody);
    box({-1, base, -1}, {1, chance(0.5) ? 1.0f : 0.9f, -1 + back}, kBody);
    if (arms)
      for (const float x : {-1.0f, inner}) box({x, base, -1}, {x + arm, arm_height, chance(0.5) ? 1.0f : 0.92f}, kBody);
    const int seats = wide ? count(1, 4) : 1;
    const uint32_t cushion = chance(0.6) ? kBody : kTrim;
    for (int i = 0; i < seats; ++i) {
      const float left = -inner + 2 * inner * static_cast<float>(i) / static_cast<float>(seats) + 0.01f;
      const float right = left + 2 * inner / static_cast<float>(seats) - 0.02f;
      box({left, seat * 0.75f, -1 + back}, {right, seat, 0.98f}, cushion);
      box({left, seat, -1 + back}, {right, between(0.88f, 1), -1 + back + between(0.15f, 0.4f)}, cushion);
    }
  }

  void bed() {
    const float top = between(0.6f, 0.85f), frame = between(0.3f, 0.5f);
    legs(frame * 0.5f, 0.95f, 0.95f);
    box({-1, frame * 0.4f, -1}, {1, frame, 1}, kTrim);
    box({-0.96f, frame, -0.95f}, {0.96f, top - 0.04f, 0.97f}, kWhite);
    const float start = between(-0.6f, -0.1f);
    if (chance(0.85)) box({-0.99f, frame * between(0.6f, 1.2f), start}, {0.99f, top, 0.99f}, kBody);
    if (chance(0.85)) box({-1, 0, -1}, {1, 1, -0.95f}, kTrim);
    if (chance(0.4)) box({-1, 0, 0.96f}, {1, between(0.6f, 0.9f), 1}, kTrim);
    const int pillows = w_ > 0.55f ? 2 : 1;
    for (int i = 0; i < pillows; ++i) {
      const float x = pillows == 1 ? -0.5f : -0.9f + static_cast<float>(i);
      box({x, top - 0.05f, -0.92f}, {x + 0.8f + (pillows == 1 ? 0.2f : 0), std::min(1.0f, top + 0.12f), -0.55f},
          kWhite);
    }
  }

  void plant() {
    mesh_.materials[kTrim].colour = Vec3{0.05f, 0.25f, 0.04f} * between(0.5f, 1.8f);
    const float pot = between(0.15f, 0.4f), radius = std::min(w_, d_);
    const float low = between(0.35f, 0.6f) * radius, wide = between(0.5f, 0.8f) * radius;
    add_cylinder(mesh_, {0, 0, 0}, pot * h_, low, wide, kBody);
    const int leaves = count(6, 24);
    const bool blades = chance(0.5);
    for (int i = 0; i < leaves; ++i) {
      const float angle = between(0, 6.283f), out = between(0.2f, 0.85f) * radius,
                  high = between(pot + 0.15f, 0.95f) * h_;
      const Vec3 tip{out * std::cos(angle), high, out * std::sin(angle)};
      if (blades) {
        const Vec3 side = Vec3{-std::sin(angle), 0, std::cos(angle)} * (0.12f * radius);
        const Vec3 base{0, pot * h_, 0};
        add_quad(mesh_, base - side, side * 2, tip - base, kTrim);
        add_quad(mesh_, base + side, side * -2, tip - base, kTrim);
      } else {
        add_sphere(mesh_, tip, between(0.12f, 0.3f) * std::min(radius, (1 - pot) * h_), kTrim, 12);
      }
    }
    rod(0, 0, pot, 0.7f, 0.02f, kTrim);
  }

  void lamp() {
    mesh_.materials[kTrim].emission = Vec3{0.6f, 0.5f, 0.3f} * between(0.2f, 1);
    const float shade = between(0.2f, 0.45f), radius = std::min(w_, d_), base = between(0.4f, 0.8f) * radius;
    if (chance(0.3))
      add_sphere(mesh_, {0, 0.3f * (1 - shade) * h_, 0}, 0.3f * (1 - shade) * h_, kBody, 24);
    else
      add_cylinder(mesh_, {0, 0, 0}, 0.04f * h_, base, base, kBody);
    const float pole = between(0.008f, 0.03f);
    rod(0, 0, 0, 1 - shade, pole, chance(0.5) ? kMetal : kBody);
    if (chance(0.2))
      add_sphere(mesh_, {0, (1 - shade / 2) * h_, 0}, std::min(shade / 2 * h_, radius), kTrim, 24);
    else
      add_cylinder(mesh_, {0, (1 - shade) * h_, 0}, shade * h_, radius, between(0.3f, 1) * radius, kTrim);
  }

  // Doors or drawers in a grid on the plane z, from (x, y) low to high.
  void fronts(Vec2 low, Vec2 high, float z, int columns, int rows) {
    const float wide = (high.u - low.u) / static_cast<float>(columns),
                tall = (high.v - low.v) / static_cast<float>(rows);
    const uint32_t face = chance(0.5) ? kBody : kTrim, grip = chance(0.5) ? kMetal : kDark;
    const int handle = count(0, 2);
    for (int c = 0; c < columns; ++c)
      for (int r = 0; r < rows; ++r) {
        const float x = low.u + static_cast<float>(c) * wide, y = low.v + static_cast<float>(r) * tall;
        box({x + 0.012f, y + 0.008f, z}, {x + wide - 0.012f, y + tall - 0.008f, z + 0.05f}, face);
        const float mx = rows > columns ? x + wide / 2 : c % 2 ? x + 0.1f * wide : x + 0.9f * wide, my = y + tall / 2;
        if (handle == 1)
          box({mx - 0.03f, my - 0.06f * tall, z + 0.05f}, {mx + 0.03f, my + 0.06f * tall, z + 0.12f}, grip);
        if (handle == 2)
          box({x + 0.3f * wide, y + 0.82f * tall, z + 0.05f}, {x + 0.7f * wide, y + 0.87f * tall, z + 0.1f}, grip);
      }
  }

  void closet(int least, int most, int drawers) {
    const float plinth = between(0, 0.12f);
    if (plinth > 0.05f && chance(0.5))
      legs(plinth, 0.9f, 0.9f);
    else if (plinth > 0)
      box({-0.95f, 0, -1}, {0.95f, plinth, 0.85f}, kDark);
    box({-1, plinth, -1}, {1, 1, 0.9f}, kBody);
    const int columns = std::max(least, static_cast<int>(std::lround(2 * w_ / between(0.4f, 0.8f))));
    const bool pulls = drawers > 0 && chance(0.5);
    fronts({-0.98f, plinth + 0.01f}, {0.98f, 0.98f}, 0.9f, std::min(columns, most), pulls ? count(2, drawers) : 1);
    if (chance(0.4)) box({-1, 0.98f, -1}, {1, 1, 1}, kTrim);
  }

  void shelf() {
    const float side = std::min(0.1f, 0.02f / w_), board = 0.02f / h_;
    for (const float x : {-1.0f, 1 - side}) box({x, 0, -1}, {x + side, 1, 1}, kBody);
    if (chance(0.7)) box({-1, 0, -1}, {1, 1, -0.95f}, kBody);
    const int rows = std::max(2, static_cast<int>(std::lround(h_ / between(0.25f, 0.45f)))),
              columns = w_ > 0.5f ? count(1, 3) : 1;
    for (int c = 1; c < columns; ++c) {
      const float x = -1 + 2 * static_cast<float>(c) / static_cast<float>(columns);
      box({x - side / 2, 0, -0.95f}, {x + side / 2, 1, 1}, kBody);
    }
    const double filled = random_.uniform(0, 1);
    for (int r = 0; r <= rows; ++r) {
      const float y = (1 - board) * static_cast<float>(r) / static_cast<float>(rows);
      box({-1, y, -1}, {1, y + board, 1}, kBody);
      if (r == rows) break;
      for (float x = -0.95f; x < 0.85f;) {
        const float thick = between(0.015f, 0.05f) / w_;
        const float tall = between(0.5f, 0.9f) / static_cast<float>(rows);
        const Part cover = random_.pick(std::vector{kTrim, kWhite, kDark});
        if (chance(filled))
          box({x, y + board, -0.8f}, {std::min(0.95f, x + thick), y + tall, between(0.2f, 0.8f)}, cover);
        x += thick * (chance(0.9) ? 1.05f : 4.0f);  // a gap now and then
      }
    }
  }

  void television() {
    const float base = between(0.04f, 0.14f), frame = between(0.01f, 0.05f);
    if (chance(0.5))
      box({-0.4f, 0, -1}, {0.4f, 0.25f * base, 1}, kDark);
    else
      for (const float x : {-0.7f, 0.6f}) box({x, 0, -0.9f}, {x + 0.1f, base, 0.9f}, kDark);
    box({-0.08f, 0, -0.3f}, {0.08f, base + 0.05f, 0.1f}, kDark);
    const uint32_t rim = chance(0.6) ? kDark : kMetal;
    box({-1, base, -0.4f}, {1, 1, 0.2f}, rim);
    mesh_.materials[kTrim].colour = Vec3{0.02f, 0.025f, 0.03f} * between(0.5f, 3);
    mesh_.materials[kTrim].specular = 0.5f;
    box({-1 + frame, base + frame, 0.2f}, {1 - frame, 1 - frame, 0.22f}, kTrim);
  }

  void laptop() {
    const uint32_t shell = chance(0.5) ? kMetal : kDark;
    box({-1, 0, -0.6f}, {1, 0.06f, 1}, shell);
    box({-0.9f, 0.06f, -0.4f}, {0.9f, 0.08f, 0.4f}, kDark);
    box({-1, 0.06f, -0.75f}, {1, 1, -0.65f}, shell);
    mesh_.materials[kTrim].colour = {0.03f, 0.05f, 0.09f};
    box({-0.93f, 0.12f, -0.65f}, {0.93f, 0.95f, -0.63f}, kTrim);
  }

  void toilet() {
    const float seat = between(0.45f, 0.6f), radius = 0.75f * std::min(w_, d_);
    const Vec3 centre{0, 0, 0.25f * d_};
    if (chance(0.6))
      box({-0.95f, seat - 0.05f, -1}, {0.95f, 1, -0.55f}, kWhite);
    else
      box({-0.7f, seat, -1}, {0.7f, 1, -0.8f}, kWhite);
    add_cylinder(mesh_, centre, (seat - 0.06f) * h_, between(0.5f, 0.8f) * radius, 1.25f * radius, kWhite);
    add_cylinder(mesh_, {0, (seat - 0.06f) * h_, 0.25f * d_}, 0.06f * h_, 1.3f * radius, 1.3f * radius,
                 chance(0.8) ? kWhite : kTrim);
    box({-0.5f, 0, -0.9f}, {0.5f, seat - 0.05f, 0}, kWhite);
  }

  void bath() {
    const float wall = between(0.06f, 0.14f), deep = between(0.2f, 0.4f);
    const uint32_t side = chance(0.7) ? kWhite : kTrim;
    box({-1, 0, -1}, {1, deep, 1}, side);
    box({-1, deep, -1}, {1, 1, -1 + 2 * wall}, side);
    box({-1, deep, 1 - 2 * wall}, {1, 1, 1}, side);
    box({-1, deep, -1}, {-1 + wall, 1, 1}, side);
    box({1 - wall, deep, -1}, {1, 1, 1}, side);
  }

  void basin() {
    const float rim = between(0.75f, 0.88f);
    if (chance(0.4))
      add_cylinder(mesh_, {0, 0, -0.2f * d_}, rim * h_, 0.3f * w_, 0.4f * w_, kWhite);
    else if (chance(0.7)) {
      box({-0.95f, 0, -1}, {0.95f, rim, 0.9f}, kBody);
      fronts({-0.95f, 0.05f}, {0.95f, rim - 0.03f}, 0.9f, count(1, 2), count(1, 2));
    } else
      legs(rim);
    const float bottom = std::max(0.0f, rim - 0.04f);
    const uint32_t bowl = chance(0.7) ? kWhite : kMetal;
    box({-1, bottom, -1}, {1, rim, 1}, bowl);
    for (const float x : {-1.0f, 0.9f}) box({x, rim, -1}, {x + 0.1f, rim + 0.06f, 1}, bowl);
    for (const float z : {-1.0f, 0.9f}) box({-1, rim, z}, {1, rim + 0.06f, z + 0.1f}, bowl);
    rod(0, -0.8f, rim, 1, 0.015f, kMetal);
    box({-0.03f, 0.97f, -0.8f}, {0.03f, 1, -0.2f}, kMetal);
  }

  void fridge() {
    const uint32_t shell = chance(0.5) ? kWhite : chance(0.7) ? kMetal : kBody;
    const float split = between(0.3f, 0.75f);
    box({-1, 0.03f, -1}, {1, 1, 0.85f}, shell);
    const bool two = chance(0.75);
    for (int i = 0; i < (two ? 2 : 1); ++i) {
      const float low = i ? split + 0.005f : 0.04f, high = two && !i ? split - 0.005f : 0.99f;
      box({-0.99f, low, 0.87f}, {0.99f, high, 1}, shell);
      box({0.8f, low + 0.2f * (high - low), 1}, {0.86f, low + 0.7f * (high - low), 1.08f},
          chance(0.5) ? kMetal : kDark);
    }
  }

  void stove() {
    const uint32_t shell = chance(0.6) ? kWhite : kMetal;
    box({-1, 0, -1}, {1, 0.97f, 0.92f}, shell);
    box({-0.98f, 0.97f, -0.95f}, {0.98f, 1, 0.9f}, kDark);
    box({-0.9f, 0.15f, 0.92f}, {0.9f, 0.72f, 0.98f}, shell);
    box({-0.7f, 0.3f, 0.98f}, {0.7f, 0.62f, 1}, kDark);
    box({-0.8f, 0.68f, 0.98f}, {0.8f, 0.71f, 1.06f}, kMetal);
    for (int i = 0; i < 5; ++i) {
      const float x = -0.75f + 0.37f * static_cast<float>(i);
      box({x - 0.06f, 0.8f, 0.92f}, {x + 0.06f, 0.88f, 1}, kDark);
    }
  }

  void washer() {
    const uint32_t shell = chance(0.8) ? kWhite : kMetal;
    box({-1, 0, -1}, {1, 1, 0.94f}, shell);
    const float radius = between(0.5f, 0.7f);
    // A round door of turned boards.
    for (int i = 0; i < 4; ++i) {
      const float a = static_cast<float>(i) * 0.3927f, x = radius * std::cos(a), y = radius * std::sin(a) * w_ / h_;
      box({-x, 0.45f - y, 0.94f}, {x, 0.45f + y, 0.97f}, kMetal);
      box({-0.75f * x, 0.45f - 0.75f * y, 0.97f}, {0.75f * x, 0.45f + 0.75f * y, 1}, kDark);
    }
    box({-0.95f, 0.86f, 0.94f}, {0.95f, 0.98f, 0.97f}, chance(0.5) ? kWhite : kDark);
  }

  void rug() {
    if (chance(0.5)) {
      add_cylinder(mesh_, {0, 0, 0}, 0.9f * h_, w_, w_, kBody);
      if (chance(0.6)) add_cylinder(mesh_, {0, 0.9f * h_, 0}, 0.1f * h_, 0.8f * w_, 0.8f * w_, kTrim);
    } else {
      box({-1, 0, -1}, {1, 0.9f, 1}, kBody);
      if (chance(0.6)) box({-0.85f, 0.9f, -0.85f}, {0.85f, 1, 0.85f}, kTrim);
    }
  }

  float w_, h_, d_;  // half the width, the height, half the depth
  Random random_;
  Mesh mesh_;
};

}  // namespace

Mesh build_furniture(RoomClass semantic, Vec3 size, Random random) {
  return FurnitureBuilder(size, random).build(semantic);
}

}  // namespace fourm
