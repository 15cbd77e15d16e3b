// Boxes with their names, drawn into a picture.
#pragma once

#include <vector>

#include "fourm/io/image.h"
#include "fourm/text/boxes.h"

namespace fourm {

/// The picture (3 channels) resized to `side` pixels a side, with the boxes over it; small ones last.
Image draw_boxes(const Image& picture, std::vector<LabelledBox> boxes, int side);

}  // namespace fourm
