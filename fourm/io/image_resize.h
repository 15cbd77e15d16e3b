// Resizing and cropping of images and maps.
#pragma once

#include <algorithm>

#include "fourm/io/image.h"

namespace fourm {

/// Triangle filter that widens when shrinking (antialiased), as PIL's BILINEAR: horizontal pass first, 8-bit rounding
/// between the passes.
Image resize_bilinear(const Image& image, int width, int height);
Raster<float> resize_bilinear(const Raster<float>& image, int width, int height);

/// Keys' cubic convolution (a = -0.5) that widens when shrinking, as Pillow's BICUBIC, the default of its Image.resize and
/// so the filter of the original's images. Equal to Pillow's values bit for bit.
Image resize_bicubic(const Image& image, int width, int height);

/// Each pixel takes the source pixel under its centre. For label maps.
template <class T>
Raster<T> resize_nearest(const Raster<T>& image, int width, int height) {
  check(width > 0 && height > 0 && image.area() > 0, "[resize_nearest] sizes must be positive, got ", image.width, "x",
        image.height, " to ", width, "x", height);
  Raster<T> out(width, height, image.channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const T* from = image.at(static_cast<int>((2 * int64_t{x} + 1) * image.width / (2 * int64_t{width})),
                               static_cast<int>((2 * int64_t{y} + 1) * image.height / (2 * int64_t{height})));
      std::copy(from, from + image.channels, out.at(x, y));
    }
  return out;
}

/// The rectangle with the given corner and size; Error when it does not lie inside.
template <class T>
Raster<T> crop(const Raster<T>& image, int left, int top, int width, int height) {
  check(left >= 0 && top >= 0 && width > 0 && height > 0 && left <= image.width - width && top <= image.height - height,
        "[crop] the rectangle ", left, ",", top, " ", width, "x", height, " is not inside ", image.width, "x",
        image.height);
  Raster<T> out(width, height, image.channels);
  for (int y = 0; y < height; ++y)
    std::copy_n(image.at(left, top + y), static_cast<size_t>(width) * image.channels, out.at(0, y));
  return out;
}

}  // namespace fourm
