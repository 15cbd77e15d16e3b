// The decoders behind image.h, one library each.
#pragma once

#include "fourm/io/image_metadata.h"

namespace fourm {

/// Error when a side is zero or the area is above kMaxImagePixels.
void check_image_size(uint64_t width, uint64_t height, const std::string& origin);

/// What a file states before its pixels.
struct ImageHeader {
  int width = 0, height = 0;  ///< as stored
  int orientation = 1;        ///< of the EXIF data
};

/// Pixels as they are stored, and what the file says of them.
struct DecodedImage {
  Image pixels;  ///< four channels as `layout` says
  PixelLayout layout = PixelLayout::kRgba;
  int orientation = 1;  ///< of the EXIF data
  std::string profile;  ///< ICC; empty: none
};

ImageHeader png_header(std::string_view bytes, const std::string& origin);
ImageHeader jpeg_header(std::string_view bytes, const std::string& origin);
ImageHeader webp_header(std::string_view bytes, const std::string& origin);

DecodedImage decode_png(std::string_view bytes, const std::string& origin);
DecodedImage decode_jpeg(std::string_view bytes, const std::string& origin);
/// The first frame of an animation, on its canvas.
DecodedImage decode_webp(std::string_view bytes, const std::string& origin);

}  // namespace fourm
