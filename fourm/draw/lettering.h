// Text in images, in the font that the build embeds (DejaVu Sans).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

// `size` is the size of the font in pixels, as in CSS. Texts are UTF-8; characters that the font lacks are drawn as an empty box.

/// Height of a line in pixels, ascenders and descenders included.
int line_height(int size);

/// Width of a line in pixels.
int text_width(std::string_view text, int size);

/// Draws one line of text into an image of 3 channels, clipped at its edges; x, y: the top left corner of the line.
void draw_text(Image& image, int x, int y, std::string_view text, Colour colour, int size);

/// Lines no wider than `width` pixels, broken at spaces. A longer word is a line of its own.
std::vector<std::string> wrap_text(const std::string& text, int width, int size);

/// The text where it is no wider than `width` pixels, else its beginning and "…".
std::string shortened_text(std::string_view text, int width, int size);

}  // namespace fourm
