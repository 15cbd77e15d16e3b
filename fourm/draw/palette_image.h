// A colour palette as an image.
#pragma once

#include "fourm/io/image.h"
#include "fourm/text/structured.h"

namespace fourm {

/// A row of squares of 64 x 64 pixels, one a colour. Values outside 0 to 255 are clipped.
Image draw_palette(const std::vector<PaletteColour>& colours);

}  // namespace fourm
