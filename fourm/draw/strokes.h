// Rectangles and lines in images of 3 channels, clipped at their edges.
#pragma once

#include <string>

#include "fourm/io/image.h"

namespace fourm {

/// The pixels from (left, top) up to, but without, (right, bottom).
void fill_rectangle(Image& image, int left, int top, int right, int bottom, Colour colour);
/// The outline of the same rectangle, `thickness` pixels inwards.
void draw_rectangle(Image& image, int left, int top, int right, int bottom, int thickness, Colour colour);
/// A line between two points in pixels. Nothing where one of them is not a number.
void draw_line(Image& image, double x0, double y0, double x1, double y1, int thickness, Colour colour);

/// A bright colour that depends on the name, or on the number, alone.
Colour bright_colour(const std::string& name);
Colour bright_colour(size_t number);

}  // namespace fourm
