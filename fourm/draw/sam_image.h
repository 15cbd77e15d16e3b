// Drawing of segment-anything instances.
#pragma once

#include <vector>

#include "fourm/io/image.h"
#include "fourm/text/sam.h"

namespace fourm {

/// The image (3 channels) resized to `side` pixels per side, with each query point as a cross and its instances in a colour
/// each. `masks`: one for each instance in the order of the points, which fills its box (1 channel, above 127 is inside);
/// empty where they are not known: the boxes are drawn instead.
Image draw_sam(const Image& image, const std::vector<SamPoint>& points, const std::vector<Image>& masks, int side);

}  // namespace fourm
