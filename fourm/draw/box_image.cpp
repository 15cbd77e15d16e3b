#include "fourm/draw/box_image.h"

#include <algorithm>
#include <cmath>

#include "fourm/draw/lettering.h"
#include "fourm/draw/strokes.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr int kOutline = 2, kMargin = 2;

}  // namespace

Image draw_boxes(const Image& image, std::vector<LabelledBox> boxes, int side) {
  Image out = resize_bilinear(image, side, side);
  std::stable_sort(boxes.begin(), boxes.end(), [](const auto& a, const auto& b) { return area(a) > area(b); });
  for (const auto& box : boxes) {
    const auto pixel = [&](double at) { return static_cast<int>(std::lround(at * side)); };
    const int left = pixel(box.xmin), top = pixel(box.ymin), right = pixel(box.xmax), bottom = pixel(box.ymax);
    const Colour colour = bright_colour(box.class_name);
    draw_rectangle(out, left, top, right, bottom, kOutline, colour);
    fill_rectangle(out, left, top, left + text_width(box.class_name, 1) + 2 * kMargin, top + kLetterHeight + kMargin,
                   colour);
    draw_text(out, left + kMargin, top + kMargin, box.class_name, {0, 0, 0}, 1);
  }
  return out;
}

}  // namespace fourm
