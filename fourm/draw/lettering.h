// Text in images, in a small bitmap font.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

inline constexpr int kLetterHeight = 8;  ///< pixels at scale 1, descenders included

/// Width in pixels from the first to the last letter. Characters that the font lacks are drawn as '?'.
int text_width(std::string_view text, int scale);

/// Draws text into an image of 3 channels, clipped at its edges; x, y: the top left corner.
void draw_text(Image& image, int x, int y, std::string_view text, Colour colour, int scale);

/// Lines no wider than `width` pixels, broken at spaces. A longer word is a line of its own.
std::vector<std::string> wrap_text(const std::string& text, int width, int scale);

}  // namespace fourm
