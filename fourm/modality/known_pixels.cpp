#include "fourm/modality/known_pixels.h"
#include "fourm/io/image_resize.h"

namespace fourm {

Raster<float> resize_known(const Raster<float>& map, const KnownPixels& known, int width, int height, float unknown) {
  if (known.empty()) return resize_bilinear(map, width, height);
  Raster<float> share(map.width, map.height, 1), sum = map;
  for (size_t i = 0; i < share.area(); ++i) {
    share.pixels[i] = known[i] ? 1.0F : 0.0F;
    if (!known[i]) std::fill_n(&sum.pixels[i * map.channels], map.channels, 0.0F);
  }
  share = resize_bilinear(share, width, height);
  sum = resize_bilinear(sum, width, height);
  for (size_t i = 0; i < share.area(); ++i)
    for (int c = 0; c < map.channels; ++c) {
      float& value = sum.pixels[i * map.channels + c];
      value = share.pixels[i] >= 0.5F ? value / share.pixels[i] : unknown;
    }
  return sum;
}

}  // namespace fourm
