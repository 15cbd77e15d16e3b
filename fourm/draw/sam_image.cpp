#include "fourm/draw/sam_image.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/draw/strokes.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr int kBoxWidth = 2, kCross = 4;

struct PixelBox {
  int left, top, right, bottom;
};

// The mask inside its box: half transparent, with an opaque border.
void draw_mask(Image& image, const PixelBox& box, const Image& mask, Colour colour) {
  const int width = box.right - box.left, height = box.bottom - box.top;
  if (width <= 0 || height <= 0) return;
  const Image inside = resize_nearest(mask, width, height);
  const auto is_inside = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < width && (y < height) && *inside.at(x, y) > 127;
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int px = box.left + x, py = box.top + y;
      if (!is_inside(x, y) || px < 0 || py < 0 || px >= image.width || py >= image.height) continue;
      const bool is_border =
          !is_inside(x - 1, y) || !is_inside(x + 1, y) || !is_inside(x, y - 1) || !is_inside(x, y + 1);
      uint8_t* pixel = image.at(px, py);
      for (size_t c = 0; c < colour.size(); ++c)
        pixel[c] = is_border ? colour[c] : static_cast<uint8_t>((pixel[c] + colour[c]) / 2);
    }
}

}  // namespace

Image draw_sam(const Image& image, const std::vector<SamPoint>& points, const std::vector<Image>& masks, int side) {
  Image out = resize_bilinear(image, side, side);
  const auto pixel = [&](double at) {
    return static_cast<int>(std::lround(std::clamp(at / kSamSide, -1.0, 2.0) * side));
  };
  size_t number = 0;
  for (const SamPoint& point : points)
    for (const SamInstance& instance : point.instances) {
      const auto& b = instance.box;
      const PixelBox box{pixel(b[0]), pixel(b[1]), pixel(b[2]), pixel(b[3])};
      const Colour colour = bright_colour(number);
      check(masks.empty() || number < masks.size(), "[draw_sam] there are fewer masks than instances");
      if (masks.empty())
        draw_rectangle(out, box.left, box.top, box.right, box.bottom, kBoxWidth, colour);
      else
        draw_mask(out, box, masks[number], colour);
      ++number;
    }
  for (const SamPoint& point : points) {
    const int x = pixel(point.x), y = pixel(point.y);
    fill_rectangle(out, x - kCross, y, x + kCross + 1, y + 1, {255, 255, 255});
    fill_rectangle(out, x, y - kCross, x + 1, y + kCross + 1, {255, 255, 255});
  }
  return out;
}

}  // namespace fourm
