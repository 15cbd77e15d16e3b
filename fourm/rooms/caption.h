// Captions of rendered rooms.
#pragma once

#include <string>
#include <vector>

#include "fourm/rooms/layout.h"

namespace fourm {

/// A visible object.
struct VisibleObject {
  RoomClass semantic = kOther;
  std::string appearance;  ///< "wooden" or the name of a colour
  int pixels = 0;
  double x = 0.5;  ///< centre of its box, 0 left to 1 right
};

/// Three captions of increasing detail. They name the objects in `visible` only, which are sorted by falling size.
std::vector<std::string> describe(const Room& room, const std::vector<VisibleObject>& visible, int image_pixels);

}  // namespace fourm
