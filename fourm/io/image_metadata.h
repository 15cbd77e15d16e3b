// What an image file says of its pixels beside their values: the EXIF orientation and the ICC profile.
#pragma once

#include <algorithm>

#include "fourm/io/image.h"

namespace fourm {

/// The orientation (1 to 8) in the first directory of EXIF data (TIFF, with or without "Exif\0\0" before it). 1 where
/// there is none or the data are broken; nothing beyond `exif` is read.
int exif_orientation(std::string_view exif);

/// Whether an image of this EXIF orientation is upright after a turn by 90 degrees.
inline bool swaps_sides(int orientation) { return orientation >= 5 && orientation <= 8; }

/// Turns and mirrors the stored pixels as the EXIF orientation says, so that the image is upright (EXIF 2.3, tag 274).
template <class T>
Raster<T> upright(Raster<T> stored, int orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  const bool turned = swaps_sides(orientation);
  const int w = stored.width, h = stored.height;
  Raster<T> out(turned ? h : w, turned ? w : h, stored.channels);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      int from_x = turned ? y : x, from_y = turned ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) from_x = w - 1 - from_x;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) from_y = h - 1 - from_y;
      std::copy_n(stored.at(from_x, from_y), stored.channels, out.at(x, y));
    }
  return out;
}

/// What the four bytes of a pixel are: RGBA, the same with equal R, G and B, or ink (inverted: 255 is none).
enum class PixelLayout { kRgba, kGrey, kCmyk, kInvertedCmyk };

/// From the colours of an ICC profile to RGBA in sRGB, with perceptual intent; alpha is kept. An RGB or grey profile
/// within two levels of sRGB leaves the pixels as they are. False when the profile is broken or of another colour space
/// than the pixels, which are then unchanged.
bool to_srgb(Image& pixels, PixelLayout layout, std::string_view profile);

/// From ink without a profile to RGBA: what the inks let through, one after the other. Other layouts are left alone.
void ink_to_rgb(Image& pixels, PixelLayout layout);

}  // namespace fourm
