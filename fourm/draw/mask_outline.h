// The outline of a mask as a polygon.
#pragma once

#include <array>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

/// The corners of the outer border of the largest 4-connected component of the mask (1 channel, above 127 is inside),
/// clockwise from its top left: x, y in pixel edges, from 0 to width and height. Empty when nothing is inside.
std::vector<std::array<double, 2>> mask_outline(const Image& mask);

}  // namespace fourm
