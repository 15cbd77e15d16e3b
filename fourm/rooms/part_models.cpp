#include "fourm/rooms/part_models.h"

#include <algorithm>

#include "fourm/core/strings.h"

namespace fourm {
namespace {

struct Range {
  float low, high;
  bool holds(float v) const { return v >= low && v <= high; }
};

struct Part {
  const char* name;
  std::vector<RoomClass> classes;
  Range width, height;          // metres
  const char* words = "";       // the name contains one of them; empty: any name
  const char* never = "";       // the name contains none of them
  const char* categories = "";  // empty: all indoor ones
};

const std::vector<Part> kParts = {
    {"sofa", {kSofa}, {1.2f, 3.4f}, {0.5f, 1.3f}},
    {"armchair", {kArmchair}, {0.5f, 1.3f}, {0.6f, 1.3f}},
    {"chair", {kChair}, {0.3f, 0.8f}, {0.65f, 1.25f}, "", "child children"},
    {"office chair", {kChair, kArmchair}, {0.35f, 0.8f}, {0.7f, 1.3f}, "", "", "Office"},
    {"stool", {kStool}, {0.25f, 0.7f}, {0.3f, 0.95f}, "", "piano"},
    {"coffee table", {kTable}, {0.45f, 1.6f}, {0.2f, 0.58f}, "", "bedside children"},
    {"dining table", {kTable}, {0.6f, 2.6f}, {0.62f, 0.95f}, "", "bedside changing dressing tennis football"},
    {"bedside table", {kTable, kCabinet}, {0.3f, 0.75f}, {0.3f, 0.8f}, "bedside", ""},
    {"dressing table", {kTable}, {0.5f, 1.8f}, {0.6f, 1.8f}, "dressing changing", ""},
    {"tv stand",
     {kCabinet, kTable},
     {0.7f, 2.0f},
     {0.25f, 0.85f},
     "",
     "bedside dressing children",
     "Living room,Bedroom"},
    {"tv", {kTelevision}, {0.4f, 1.6f}, {0.3f, 1.1f}, "", "wall"},
    {"wall tv", {kTelevision}, {0.7f, 1.6f}, {0.4f, 1.1f}},
    {"bookcase", {kShelf}, {0.3f, 2.6f}, {0.7f, 2.5f}},
    {"plant", {kPlant}, {0.2f, 1.5f}, {0.35f, 2.2f}},
    {"small plant", {kPlant}, {0.06f, 0.5f}, {0.1f, 0.5f}},
    {"floor lamp", {kLamp}, {0.15f, 0.9f}, {1.1f, 2.1f}, "", "street park outdoor porch lamppost wall ceiling hanging"},
    {"table lamp",
     {kLamp},
     {0.1f, 0.5f},
     {0.2f, 0.75f},
     "",
     "ceiling hanging wall pendant strip fluorescent track porch camping flashlight spotlight lantern"},
    {"ceiling lamp", {kLamp}, {0.15f, 1.3f}, {0.1f, 1.2f}, "ceiling hanging pendant chandelier", ""},
    {"rug", {kRug}, {0.9f, 3.2f}, {0.0f, 0.08f}},
    {"bath mat", {kRug}, {0.3f, 1.2f}, {0.0f, 0.08f}},
    {"bed", {kBed}, {0.75f, 2.4f}, {0.3f, 2.2f}, "", "sleeping air crib baby"},
    {"crib", {kBed}, {0.5f, 1.0f}, {0.5f, 1.5f}, "crib baby", ""},
    {"wardrobe", {kWardrobe}, {0.6f, 3.2f}, {1.5f, 2.5f}},
    {"dresser", {kCabinet}, {0.4f, 2.0f}, {0.4f, 1.6f}, "", "medicine filing bedside", "Bedroom,Living room"},
    {"desk", {kDesk}, {0.7f, 2.4f}, {0.6f, 1.6f}},
    {"office table", {kTable}, {0.7f, 2.4f}, {0.62f, 0.9f}, "", "", "Office"},
    {"filing cabinet", {kCabinet, kShelf}, {0.3f, 2.0f}, {0.4f, 2.2f}, "", "", "Office"},
    {"laptop", {kComputer}, {0.2f, 0.7f}, {0.01f, 0.7f}},
    {"bin", {kOther}, {0.15f, 0.6f}, {0.2f, 0.9f}, "dustbin bin basket", "", "Office,Kitchen,Bathroom"},
    {"lower cabinet", {kCabinet}, {0.25f, 1.4f}, {0.7f, 1.05f}, "", "upper island corner", "Kitchen"},
    {"upper cabinet", {kCabinet}, {0.25f, 1.4f}, {0.3f, 1.1f}, "upper", "corner", "Kitchen"},
    {"kitchen sink", {kSink, kCabinet}, {0.4f, 1.6f}, {0.6f, 1.3f}, "sink", "", "Kitchen"},
    {"fridge", {kRefrigerator}, {0.4f, 1.2f}, {0.7f, 2.2f}},
    {"stove", {kStove}, {0.4f, 1.2f}, {0.7f, 1.3f}},
    {"washing machine", {kWashingMachine}, {0.4f, 0.8f}, {0.6f, 1.2f}},
    {"bath", {kBathtub}, {0.7f, 2.2f}, {0.3f, 1.0f}, "", "basin"},
    {"washbasin", {kSink, kCabinet}, {0.35f, 1.6f}, {0.3f, 2.1f}, "", "", "Bathroom"},
    {"toilet", {kToilet}, {0.25f, 0.7f}, {0.3f, 1.2f}, "", "potty"},
    {"shower", {kShower}, {0.6f, 1.6f}, {1.6f, 2.4f}, "stall", ""},
    {"radiator", {kRadiator}, {0.3f, 1.6f}, {0.3f, 1.8f}, "", "", "Miscellaneous,Bathroom"},
    {"fireplace", {kFireplace}, {0.6f, 2.2f}, {0.6f, 2.6f}},
    {"piano", {kPiano}, {1.2f, 1.9f}, {0.8f, 1.6f}},
    {"window", {kWindow}, {0.5f, 2.6f}, {0.5f, 2.3f}, "", "shutter", "Doors and windows"},
    {"door", {kDoor}, {0.65f, 1.3f}, {1.9f, 2.3f}, "", "garage elevator double glass", "Doors and windows"},
    {"toy", {kOther}, {0.1f, 0.9f}, {0.1f, 1.0f}, "teddy rocking doll toy", "skirt", "Bedroom"},
    {"vase",
     {kOther},
     {0.08f, 0.5f},
     {0.1f, 0.5f},
     "vase bowl fruits teapot coffee",
     "machine",
     "Kitchen,Miscellaneous"},
};

bool names_one(const std::string& name, const char* words) {
  if (!*words) return false;
  const auto own = split(name, ' ');
  for (const auto& word : split(words, ' '))
    if (std::find(own.begin(), own.end(), word) != own.end()) return true;
  return false;
}

bool fits(const FurnitureModel& m, const Part& part) {
  const std::string wanted = *part.categories ? part.categories : "Bathroom,Bedroom,Kitchen,Living room,Office,Lights";
  const auto categories = split(wanted, ',');
  return std::find(part.classes.begin(), part.classes.end(), m.semantic) != part.classes.end() &&
         std::find(categories.begin(), categories.end(), m.category) != categories.end() &&
         part.width.holds(m.size.x) && part.height.holds(m.size.y) && (!*part.words || names_one(m.name, part.words)) &&
         !names_one(m.name, part.never);
}

}  // namespace

PartModels::PartModels(const Catalogue& catalogue, Split split) {
  for (const Part& part : kParts) {
    auto& list = models_[part.name];
    for (size_t i = 0; i < catalogue.models().size(); ++i) {
      const auto& m = catalogue.models()[i];
      if ((split == Split::kAll || m.split == split) && fits(m, part)) list.push_back(i);
    }
  }
}

int64_t PartModels::draw(const std::string& part, Random& random) const {
  const auto found = models_.find(part);
  check(found != models_.end(), "[PartModels] there is no part '", part, "'");
  return found->second.empty() ? -1 : static_cast<int64_t>(random.pick(found->second));
}

}  // namespace fourm
