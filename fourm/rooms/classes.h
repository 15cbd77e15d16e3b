// The semantic classes of Rooms.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

enum RoomClass : uint8_t {
  kOther,
  kWall,
  kFloor,
  kCeiling,
  kWindow,
  kDoor,
  kChair,
  kArmchair,
  kStool,
  kSofa,
  kTable,
  kDesk,
  kBed,
  kCabinet,
  kWardrobe,
  kShelf,
  kLamp,
  kPlant,
  kTelevision,
  kComputer,
  kRug,
  kPicture,
  kCurtain,
  kRefrigerator,
  kStove,
  kWashingMachine,
  kSink,
  kBathtub,
  kToilet,
  kShower,
  kRadiator,
  kFireplace,
  kPiano,
  kRoomClasses
};

std::string_view class_name(RoomClass c);    ///< "washing machine"
const std::vector<Colour>& class_colours();  ///< one for each class
bool is_furniture(RoomClass c);              ///< neither room surface, nor opening, nor flat decoration

/// The class of a catalogue name in English, by its head noun: "Chair with cushion" is a chair, "Table fan" is other.
RoomClass class_of_name(std::string_view name);

}  // namespace fourm
