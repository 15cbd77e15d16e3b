#include "fourm/rooms/caption.h"

#include <algorithm>

#include "fourm/core/strings.h"
#include "fourm/text/plural.h"

namespace fourm {
namespace {

// Objects of one class, which the caption names together.
struct Group {
  RoomClass semantic;
  std::vector<VisibleObject> members;
};

std::string with_article(const std::string& words) {
  return (std::string("aeiou").find(words[0]) != std::string::npos ? "an " : "a ") + words;
}

std::string counted(const Group& group, const std::string& adjectives) {
  static const char* kNumbers[] = {"", "", "two ", "three ", "four "};
  const std::string noun(class_name(group.semantic));
  const size_t n = group.members.size();
  if (n == 1) return with_article(adjectives + noun);
  return (n < std::size(kNumbers) ? kNumbers[n] : "several ") + adjectives + plural(noun);
}

// The look that all members share, with a space.
std::string shared_appearance(const Group& group) {
  const std::string& appearance = group.members[0].appearance;
  const bool same = std::all_of(group.members.begin(), group.members.end(),
                                [&](const auto& m) { return m.appearance == appearance; });
  return same ? appearance + " " : "";
}

std::string place(const Group& group) {
  if (group.members.size() > 1) return "";
  const double x = group.members[0].x;
  return x < 0.38 ? " on the left" : x > 0.62 ? " on the right" : " in the middle";
}

std::string listed(const std::vector<std::string>& items) {
  if (items.size() < 2) return join(items, "");
  return join({items.begin(), items.end() - 1}, ", ") + " and " + items.back();
}

std::string surface(const SurfaceFinish& finish, const char* noun) {
  if (finish.kind == "wooden" || finish.kind == "tiled") return finish.kind + " " + noun;
  return finish.colour + " " + noun;
}

}  // namespace

std::vector<std::string> describe(const Room& room, const std::vector<VisibleObject>& visible, int image_pixels) {
  std::vector<Group> groups;
  for (const VisibleObject& object : visible) {
    const auto found =
        std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.semantic == object.semantic; });
    if (found == groups.end())
      groups.push_back({object.semantic, {object}});
    else
      found->members.push_back(object);
  }
  const std::string start = with_article(std::string(room_name(room.kind)));
  if (groups.empty()) return {start, start, "an empty " + std::string(room_name(room.kind))};

  std::vector<std::string> appearances, details;
  for (const Group& group : groups) {
    if (appearances.size() < 2) appearances.push_back(counted(group, shared_appearance(group)));
    const bool large = group.members.size() == 1 && group.members[0].pixels > 0.15 * image_pixels;
    if (details.size() < 3)
      details.push_back(counted(group, (large ? "large " : "") + shared_appearance(group)) + place(group));
  }
  return {
      start + " with " + counted(groups[0], ""), start + " with " + listed(appearances),
      start + " with " + listed(details) + ", " + surface(room.floor, "floor") + " and " + surface(room.wall, "walls")};
}

}  // namespace fourm
