#include "fourm/rooms/caption.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

Room office() {
  Room room;
  room.kind = RoomKind::kOffice;
  room.floor.kind = "wooden";
  room.wall.kind = "plain";
  room.wall.colour = "white";
  return room;
}

TEST(Describe, AnEmptyRoomIsNamed) {
  Room room = office();
  for (const auto kind : {RoomKind::kLiving, RoomKind::kOffice}) {
    room.kind = kind;
    const std::string name(room_name(kind)), article = kind == RoomKind::kOffice ? "an " : "a ";
    EXPECT_EQ(describe(room, {}, 100), (std::vector<std::string>{article + name, article + name, "an empty " + name}));
  }
}

TEST(Describe, CaptionsGrowInDetail) {
  const std::vector<VisibleObject> visible{
      {kSofa, "red", 900, 0.2}, {kLamp, "white", 50, 0.5}, {kPlant, "green", 20, 0.9}};
  const auto captions = describe(office(), visible, 4000);
  const std::string start = "an " + std::string(room_name(RoomKind::kOffice)) + " with ";
  EXPECT_EQ(captions[0], start + "a sofa");
  EXPECT_EQ(captions[1], start + "a red sofa and a white lamp");
  EXPECT_EQ(captions[2], start +
                             "a large red sofa on the left, a white lamp in the middle and a green plant on the right, "
                             "wooden floor and white walls");
}

TEST(Describe, ThingsOfOneClassAreCounted) {
  const auto described = [](const std::vector<std::string>& appearances) {
    std::vector<VisibleObject> visible;
    for (const auto& appearance : appearances) visible.push_back({kChair, appearance, 10, 0.1});
    const std::string caption = describe(office(), visible, 4000)[1];
    return caption.substr(caption.find(" with ") + 6);
  };
  EXPECT_EQ(described({"red", "red"}), "two red chairs");
  EXPECT_EQ(described({"red", "blue", "red"}), "three chairs") << "looks that differ are left out";
  EXPECT_EQ(described({"red", "red", "red", "red", "red"}), "several red chairs");
}

}  // namespace
}  // namespace fourm
