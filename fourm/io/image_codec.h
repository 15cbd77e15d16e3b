// The decoders behind image.h, one library each.
#pragma once

#include "fourm/io/image.h"

namespace fourm {

/// Error when a side is zero or the area is above kMaxImagePixels.
void check_image_size(uint64_t width, uint64_t height, const std::string& origin);

Image decode_png_rgba(std::string_view bytes, const std::string& origin);
Image decode_jpeg_rgba(std::string_view bytes, const std::string& origin);

}  // namespace fourm
