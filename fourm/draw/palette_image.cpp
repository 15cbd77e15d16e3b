#include "fourm/draw/palette_image.h"

#include <algorithm>
#include <cmath>

namespace fourm {

Image draw_palette(const std::vector<PaletteColour>& colours) {
  constexpr int kSide = 64;
  Image image(kSide * static_cast<int>(colours.size()), kSide, 3);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      for (size_t c = 0; c < 3; ++c)
        image.at(x, y)[c] = static_cast<uint8_t>(std::lround(std::clamp(colours[x / kSide][c], 0.0, 255.0)));
  return image;
}

}  // namespace fourm
