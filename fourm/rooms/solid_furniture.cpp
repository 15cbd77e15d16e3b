#include "fourm/rooms/solid_furniture.h"

#include "fourm/core/rng.h"
#include "fourm/rooms/furniture_builder.h"

namespace fourm {
namespace {

struct Kind {
  const char* name;
  const char* category;
  Vec3 size;
  bool supports_objects;
};

const Kind kKinds[] = {
    {"sofa", "Living room", {2.0f, 0.8f, 0.9f}, false},
    {"armchair", "Living room", {0.9f, 0.85f, 0.85f}, false},
    {"coffee table", "Living room", {1.1f, 0.45f, 0.6f}, true},
    {"table", "Living room", {1.4f, 0.75f, 0.9f}, true},
    {"chair", "Living room", {0.45f, 0.9f, 0.48f}, false},
    {"bookcase", "Living room", {0.9f, 1.8f, 0.35f}, false},
    {"tv stand", "Living room", {1.3f, 0.5f, 0.4f}, true},
    {"tv", "Living room", {0.9f, 0.6f, 0.15f}, false},
    {"plant", "Living room", {0.5f, 1.1f, 0.5f}, false},
    {"pedestal lamp", "Lights", {0.4f, 1.6f, 0.4f}, false},
    {"table lamp", "Lights", {0.25f, 0.4f, 0.25f}, false},
    {"bed", "Bedroom", {1.5f, 0.6f, 2.0f}, false},
    {"bedside table", "Bedroom", {0.45f, 0.5f, 0.4f}, true},
    {"wardrobe", "Bedroom", {1.4f, 2.0f, 0.6f}, false},
    {"dresser", "Bedroom", {1.0f, 0.85f, 0.5f}, true},
    {"lower cabinet", "Kitchen", {0.6f, 0.85f, 0.6f}, true},
    {"fridge", "Kitchen", {0.65f, 1.75f, 0.65f}, false},
    {"oven", "Kitchen", {0.6f, 0.85f, 0.6f}, true},
    {"stool", "Kitchen", {0.38f, 0.65f, 0.38f}, false},
    {"sink", "Kitchen", {0.8f, 0.85f, 0.6f}, false},
    {"bath", "Bathroom", {1.7f, 0.55f, 0.75f}, false},
    {"washbasin", "Bathroom", {0.6f, 0.85f, 0.5f}, false},
    {"toilets unit", "Bathroom", {0.4f, 0.8f, 0.65f}, false},
    {"washing machine", "Bathroom", {0.6f, 0.85f, 0.6f}, true},
    {"desk", "Office", {1.4f, 0.75f, 0.7f}, true},
    {"filing cabinet", "Office", {0.45f, 1.1f, 0.6f}, false},
    {"laptop", "Office", {0.34f, 0.24f, 0.25f}, false},
    {"round carpet", "Living room", {1.8f, 0.012f, 1.8f}, false},
};

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
      const auto vary = [&] { return static_cast<float>(random.uniform(0.75, 1.25)); };
      m.size = {kind.size.x * vary(), kind.size.y * vary(), kind.size.z * vary()};
      m.supports_objects = kind.supports_objects;
      m.semantic = class_of_name(m.name);
      models.push_back(std::move(m));
    }
  return models;
}

Mesh solid_mesh(const FurnitureModel& model) {
  return build_furniture(model.semantic, model.size, Random(1, {hash_text(model.id)}));
}

}  // namespace fourm
