// Bicubic resizing (bilinear and nearest: io/image.h).
#pragma once

#include "fourm/io/image.h"

namespace fourm {

/// Keys' cubic convolution (a = -0.5) that widens when shrinking, as Pillow's BICUBIC, the default of its Image.resize and
/// so the filter of the original's images. Equal to Pillow's values bit for bit.
Image resize_bicubic(const Image& image, int width, int height);

}  // namespace fourm
