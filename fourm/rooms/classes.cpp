#include "fourm/rooms/classes.h"

#include <algorithm>
#include <map>

#include "fourm/core/strings.h"

namespace fourm {
namespace {

struct ClassEntry {
  const char* name;
  Colour colour;
  const char* nouns;  // head nouns of catalogue names
};

const ClassEntry kEntries[kRoomClasses] = {
    {"other", {0, 0, 0}, ""},
    {"wall", {174, 199, 232}, ""},
    {"floor", {152, 223, 138}, ""},
    {"ceiling", {220, 220, 220}, ""},
    {"window", {197, 176, 213}, "window"},
    {"door", {214, 39, 40}, "door"},
    {"chair", {188, 189, 34}, "chair seat"},
    {"armchair", {219, 219, 141}, "armchair"},
    {"stool", {140, 86, 75}, "stool ottoman puff bench"},
    {"sofa", {31, 119, 180}, "sofa couch"},
    {"table", {255, 152, 150}, "table"},
    {"desk", {247, 182, 210}, "desk workbench"},
    {"bed", {255, 187, 120}, "bed crib futon mattress"},
    {"cabinet", {44, 160, 44}, "cabinet dresser cupboard chest locker island vanity"},
    {"wardrobe", {0, 100, 60}, "wardrobe"},
    {"shelf", {148, 103, 189}, "bookcase shelves"},
    {"lamp", {255, 215, 0}, "lamp light lights lantern spotlight chandelier"},
    {"plant", {60, 179, 20}, "plant cactus ficus tree bamboo orchids flowers yucca tulips lily spathiphyllum"},
    {"television", {23, 190, 207}, "tv television"},
    {"computer", {0, 80, 140}, "laptop imac ibook"},
    {"rug", {227, 119, 194}, "rug carpet bathmat"},
    {"picture", {196, 156, 148}, "frame"},
    {"curtain", {112, 128, 144}, "curtain"},
    {"refrigerator", {158, 218, 229}, "fridge refrigerator freezer"},
    {"stove", {255, 127, 14}, "cooker cooktop oven stove"},
    {"washing machine", {90, 60, 200}, ""},
    {"sink", {100, 220, 255}, "sink washbasin basin lavatory"},
    {"bathtub", {130, 160, 255}, "bath bathtub"},
    {"toilet", {180, 70, 130}, "toilet bidet"},
    {"shower", {0, 160, 160}, "shower"},
    {"radiator", {120, 60, 30}, "radiator"},
    {"fireplace", {178, 34, 34}, "fireplace"},
    {"piano", {60, 60, 60}, "piano"},
};

// Names whose head noun misleads.
const std::map<std::string, RoomClass, std::less<>> kExceptions = {
    {"tv stand", kCabinet},
    {"clothes washing machine", kWashingMachine},
    {"washing machine", kWashingMachine},
    {"dryer machine", kWashingMachine},
    {"toilets unit", kToilet},
    {"shower stall", kShower},
    {"convertible sofa bz", kSofa},
    {"opened convertible sofa bz", kBed},
    {"wall lamp artwork", kLamp},
    {"fluorescent strip", kLamp},
    {"wall flat tv", kTelevision},
    {"island extension", kCabinet},
    {"frame chambord", kPicture},
    {"frame h\u00f4i an", kPicture},
    {"double french window", kWindow},
    {"christmas tree", kOther},
};

}  // namespace

std::string_view class_name(RoomClass c) { return kEntries[c].name; }

const std::vector<Colour>& class_colours() {
  static const auto colours = [] {
    std::vector<Colour> list;
    for (const auto& entry : kEntries) list.push_back(entry.colour);
    return list;
  }();
  return colours;
}

bool is_furniture(RoomClass c) {
  switch (c) {
    case kOther:
    case kWall:
    case kFloor:
    case kCeiling:
    case kWindow:
    case kDoor:
    case kRug:
    case kPicture:
    case kCurtain: return false;
    default: return true;
  }
}

RoomClass class_of_name(std::string_view name) {
  std::string low(name);
  for (char& c : low)
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
  if (const auto found = kExceptions.find(low); found != kExceptions.end()) return found->second;
  std::vector<std::string> words;
  for (const auto& word : split(low, ' ')) {
    if (word == "with" || word == "on" || word == "and") break;
    if (word.empty() || (word[0] >= '0' && word[0] <= '9')) break;
    words.push_back(word);
  }
  if (words.empty()) return kOther;
  for (int c = 0; c < kRoomClasses; ++c) {
    const auto nouns = split(kEntries[c].nouns, ' ');
    if (std::find(nouns.begin(), nouns.end(), words.back()) != nouns.end()) return static_cast<RoomClass>(c);
  }
  return kOther;
}

}  // namespace fourm
