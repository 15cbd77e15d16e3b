// Drawing of labelled boxes.
#pragma once

#include <vector>

#include "fourm/io/image.h"
#include "fourm/text/boxes.h"

namespace fourm {

/// The image (3 channels) resized to `side` pixels per side, with the boxes (corners 0 to 1) drawn over it, small
/// ones last.
Image draw_boxes(const Image& image, std::vector<LabelledBox> boxes, int side);

}  // namespace fourm
