// Letters in images: a small bitmap font, drawn in the source.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

inline constexpr int kLetterHeight = 8;  ///< pixels at scale 1, descenders included

/// Pixels from the first to the last letter. Characters that the font lacks are drawn as '?'.
int text_width(std::string_view text, int scale);

/// Draws what lies inside the image (3 channels); x, y: the top left corner.
void draw_text(Image& image, int x, int y, std::string_view text, Colour colour, int scale);

/// Lines no wider than `width` pixels, broken at spaces; longer words stand alone.
std::vector<std::string> wrap_text(const std::string& text, int width, int scale);

}  // namespace fourm
