#include "fourm/rooms/solid_furniture.h"

#include "fourm/core/rng.h"
#include "fourm/rooms/solids.h"

namespace fourm {
namespace {

struct Kind {
  const char* name;
  const char* category;
  Vec3 size;
  float top;
};

const Kind kKinds[] = {
    {"sofa", "Living room", {2.0f, 0.8f, 0.9f}, -1},
    {"armchair", "Living room", {0.9f, 0.85f, 0.85f}, -1},
    {"coffee table", "Living room", {1.1f, 0.45f, 0.6f}, 0.45f},
    {"table", "Living room", {1.4f, 0.75f, 0.9f}, 0.75f},
    {"chair", "Living room", {0.45f, 0.9f, 0.48f}, -1},
    {"bookcase", "Living room", {0.9f, 1.8f, 0.35f}, -1},
    {"tv stand", "Living room", {1.3f, 0.5f, 0.4f}, 0.5f},
    {"tv", "Living room", {0.9f, 0.6f, 0.15f}, -1},
    {"plant", "Living room", {0.5f, 1.1f, 0.5f}, -1},
    {"pedestal lamp", "Lights", {0.4f, 1.6f, 0.4f}, -1},
    {"table lamp", "Lights", {0.25f, 0.4f, 0.25f}, -1},
    {"bed", "Bedroom", {1.5f, 0.6f, 2.0f}, -1},
    {"bedside table", "Bedroom", {0.45f, 0.5f, 0.4f}, 0.5f},
    {"wardrobe", "Bedroom", {1.4f, 2.0f, 0.6f}, -1},
    {"dresser", "Bedroom", {1.0f, 0.85f, 0.5f}, 0.85f},
    {"lower cabinet", "Kitchen", {0.6f, 0.85f, 0.6f}, 0.85f},
    {"fridge", "Kitchen", {0.65f, 1.75f, 0.65f}, -1},
    {"oven", "Kitchen", {0.6f, 0.85f, 0.6f}, 0.85f},
    {"stool", "Kitchen", {0.38f, 0.65f, 0.38f}, -1},
    {"sink", "Kitchen", {0.8f, 0.85f, 0.6f}, -1},
    {"bath", "Bathroom", {1.7f, 0.55f, 0.75f}, -1},
    {"washbasin", "Bathroom", {0.6f, 0.85f, 0.5f}, -1},
    {"toilets unit", "Bathroom", {0.4f, 0.8f, 0.65f}, -1},
    {"washing machine", "Bathroom", {0.6f, 0.85f, 0.6f}, 0.85f},
    {"desk", "Office", {1.4f, 0.75f, 0.7f}, 0.75f},
    {"filing cabinet", "Office", {0.45f, 1.1f, 0.6f}, -1},
    {"laptop", "Office", {0.34f, 0.24f, 0.25f}, -1},
    {"round carpet", "Living room", {1.8f, 0.012f, 1.8f}, -1},
};

const Vec3 kColours[] = {{0.75f, 0.75f, 0.72f}, {0.3f, 0.14f, 0.06f}, {0.5f, 0.3f, 0.13f}, {0.05f, 0.05f, 0.06f},
                         {0.45f, 0.05f, 0.04f}, {0.05f, 0.13f, 0.4f}, {0.07f, 0.3f, 0.1f}, {0.6f, 0.45f, 0.1f}};

// A board on four legs.
void add_table(Mesh& mesh, Vec3 low, Vec3 high, float board, float leg) {
  add_box(mesh, {low.x, high.y - board, low.z}, high, 0);
  for (const float x : {low.x, high.x - leg})
    for (const float z : {low.z, high.z - leg}) add_box(mesh, {x, low.y, z}, {x + leg, high.y - board, z + leg}, 1);
}

}  // namespace

std::vector<FurnitureModel> solid_models() {
  std::vector<FurnitureModel> models;
  for (const Kind& kind : kKinds)
    for (int variant = 0; variant < 20; ++variant) {
      FurnitureModel m;
      m.id = concat("solid ", kind.name, " ", variant);
      m.name = kind.name;
      m.category = kind.category;
      m.creator = "fourm";
      m.licence = "http://creativecommons.org/publicdomain/zero/1.0/";
      Random random(0, {hash_text(m.id)});
      const auto vary = [&] { return static_cast<float>(random.uniform(0.85, 1.15)); };
      m.size = {kind.size.x * vary(), kind.size.y * vary(), kind.size.z * vary()};
      m.top = kind.top < 0 ? -1 : m.size.y;
      m.semantic = class_of_name(m.name);
      models.push_back(std::move(m));
    }
  return models;
}

Mesh solid_mesh(const FurnitureModel& model) {
  Random random(1, {hash_text(model.id)});
  Mesh mesh;
  mesh.materials.resize(2);
  for (Material& material : mesh.materials) {
    material.colour = kColours[random.below(std::size(kColours))] * static_cast<float>(random.uniform(0.7, 1.1));
    material.gloss = 0.1f;
  }
  const float w = model.size.x / 2, h = model.size.y, d = model.size.z / 2;
  const Vec3 low{-w, 0, -d}, high{w, h, d};
  switch (model.semantic) {
    case kTable:
    case kDesk:
      add_table(mesh, low, high, 0.04f, 0.05f);
      break;
    case kStool:
      add_cylinder(mesh, {0, 0, 0}, h, w, 0.8f * w, 0);
      break;
    case kChair:
      add_table(mesh, low, {w, 0.5f * h, d}, 0.05f, 0.04f);
      add_box(mesh, {-w, 0.5f * h, -d}, {w, h, -d + 0.05f}, 0);
      break;
    case kSofa:
    case kArmchair:
    case kBed:
      add_box(mesh, low, {w, 0.5f * h, d}, 0);
      add_box(mesh, {-w, 0.5f * h, -d}, {w, h, -d + (model.semantic == kBed ? 0.08f : 0.2f)}, 1);
      if (model.semantic == kBed) break;
      add_box(mesh, {-w, 0.5f * h, -d}, {-w + 0.15f, 0.75f * h, d}, 1);
      add_box(mesh, {w - 0.15f, 0.5f * h, -d}, {w, 0.75f * h, d}, 1);
      break;
    case kPlant:
      mesh.materials[1].colour = {0.05f, 0.3f, 0.05f};
      add_cylinder(mesh, {0, 0, 0}, 0.3f * h, 0.6f * w, 0.8f * w, 0);
      add_sphere(mesh, {0, 0.65f * h, 0}, 0.35f * h, 1, 24);
      break;
    case kLamp:
      mesh.materials[1].glow = {0.6f, 0.5f, 0.3f};
      add_cylinder(mesh, {0, 0, 0}, 0.7f * h, 0.1f * w, 0.1f * w, 0);
      add_cylinder(mesh, {0, 0.7f * h, 0}, 0.3f * h, w, 0.6f * w, 1);
      break;
    case kRug:
      add_cylinder(mesh, {0, 0, 0}, h, w, w, 0);
      break;
    default:
      add_box(mesh, low, {w, h, 0.96f * d}, 0);
      add_box(mesh, {-0.9f * w, 0.08f * h, 0.96f * d}, {0.9f * w, 0.94f * h, d}, 1);
  }
  return mesh;
}

}  // namespace fourm
