#include "fourm/draw/box_image.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/rng.h"
#include "fourm/draw/lettering.h"
#include "fourm/io/image_resize.h"
#include "fourm/modality/transform.h"

namespace fourm {
namespace {

constexpr int kLine = 2, kMargin = 2;

void fill(Image& image, int left, int top, int right, int bottom, Colour colour) {
  for (int y = std::max(top, 0); y < std::min(bottom, image.height); ++y)
    for (int x = std::max(left, 0); x < std::min(right, image.width); ++x)
      std::copy(colour.begin(), colour.end(), image.at(x, y));
}

// A bright colour from a hash of the name.
Colour colour_of(const std::string& name) {
  const Colour base = label_palette()[1 + hash_text(name) % 200];
  Colour bright;
  for (size_t c = 0; c < 3; ++c) bright[c] = static_cast<uint8_t>(128 + base[c] / 2);
  return bright;
}

}  // namespace

Image draw_boxes(const Image& image, std::vector<LabelledBox> boxes, int side) {
  Image out = resize_bilinear(image, side, side);
  std::stable_sort(boxes.begin(), boxes.end(), [](const auto& a, const auto& b) { return area(a) > area(b); });
  for (const auto& box : boxes) {
    const auto pixel = [&](double at) { return static_cast<int>(std::lround(at * side)); };
    const int left = pixel(box.xmin), top = pixel(box.ymin), right = pixel(box.xmax), bottom = pixel(box.ymax);
    const Colour colour = colour_of(box.class_name);
    fill(out, left, top, right, top + kLine, colour);
    fill(out, left, bottom - kLine, right, bottom, colour);
    fill(out, left, top, left + kLine, bottom, colour);
    fill(out, right - kLine, top, right, bottom, colour);
    fill(out, left, top, left + text_width(box.class_name, 1) + 2 * kMargin, top + kLetterHeight + kMargin, colour);
    draw_text(out, left + kMargin, top + kMargin, box.class_name, {0, 0, 0}, 1);
  }
  return out;
}

}  // namespace fourm
