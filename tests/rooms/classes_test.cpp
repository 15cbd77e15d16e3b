#include "fourm/rooms/classes.h"

#include <gtest/gtest.h>

#include <set>

namespace fourm {
namespace {

TEST(RoomClasses, HeadNouns) {
  EXPECT_EQ(class_of_name("Chair with cushion"), kChair);
  EXPECT_EQ(class_of_name("Table fan"), kOther);
  EXPECT_EQ(class_of_name("Sofa 2 seats"), kSofa);
  EXPECT_EQ(class_of_name("TV 16:9"), kTelevision);
  EXPECT_EQ(class_of_name("TV remote control"), kOther);
  EXPECT_EQ(class_of_name("Sink cabinet"), kCabinet);
  EXPECT_EQ(class_of_name("Coffee machine"), kOther);
  EXPECT_EQ(class_of_name("Clothes washing machine"), kWashingMachine);
  EXPECT_EQ(class_of_name(""), kOther);
  EXPECT_EQ(class_colours().size(), static_cast<size_t>(kRoomClasses));
}

TEST(RoomClasses, NamesAndColoursAreDifferent) {
  std::set<std::string_view> names;
  for (int c = 0; c < kRoomClasses; ++c) names.insert(class_name(static_cast<RoomClass>(c)));
  EXPECT_EQ(names.size(), static_cast<size_t>(kRoomClasses));
  EXPECT_EQ(std::set<Colour>(class_colours().begin(), class_colours().end()).size(), names.size());
}

TEST(RoomClasses, SurfacesAndOpeningsAreNoFurniture) {
  for (const RoomClass c : {kOther, kWall, kFloor, kCeiling, kWindow, kDoor, kRug, kPicture, kCurtain})
    EXPECT_FALSE(is_furniture(c)) << class_name(c);
  for (const RoomClass c : {kChair, kBed, kLamp, kToilet, kPiano}) EXPECT_TRUE(is_furniture(c)) << class_name(c);
}

}  // namespace
}  // namespace fourm
