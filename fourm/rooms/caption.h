// Sentences about what a picture shows.
#pragma once

#include <string>
#include <vector>

#include "fourm/rooms/layout.h"

namespace fourm {

/// One visible thing.
struct Sight {
  RoomClass semantic = kOther;
  std::string look;  ///< "wooden" or a colour's name
  int pixels = 0;
  double x = 0.5;  ///< centre of its box, 0 left to 1 right
};

/// Three captions of growing detail; `sights` come largest first and are the only things named.
std::vector<std::string> describe(const Room& room, const std::vector<Sight>& sights, int image_pixels);

}  // namespace fourm
