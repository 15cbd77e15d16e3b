#include "fourm/draw/strokes.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/rng.h"
#include "fourm/modality/transform.h"

namespace fourm {

void fill_rectangle(Image& image, int left, int top, int right, int bottom, Colour colour) {
  for (int y = std::max(top, 0); y < std::min(bottom, image.height); ++y)
    for (int x = std::max(left, 0); x < std::min(right, image.width); ++x)
      std::copy(colour.begin(), colour.end(), image.at(x, y));
}

void draw_rectangle(Image& image, int left, int top, int right, int bottom, int thickness, Colour colour) {
  fill_rectangle(image, left, top, right, top + thickness, colour);
  fill_rectangle(image, left, bottom - thickness, right, bottom, colour);
  fill_rectangle(image, left, top, left + thickness, bottom, colour);
  fill_rectangle(image, right - thickness, top, right, bottom, colour);
}

void draw_line(Image& image, double x0, double y0, double x1, double y1, int thickness, Colour colour) {
  // Points far outside the image are moved to where lines to them leave it about as before.
  const double far = 8.0 * (image.width + image.height);
  for (double* at : {&x0, &y0, &x1, &y1}) {
    if (std::isnan(*at)) return;
    *at = std::clamp(*at, -far, far);
  }
  const int steps = std::max(1, static_cast<int>(std::ceil(std::max(std::abs(x1 - x0), std::abs(y1 - y0)))));
  for (int i = 0; i <= steps; ++i) {
    const int x = static_cast<int>(std::floor(x0 + (x1 - x0) * i / steps)) - thickness / 2;
    const int y = static_cast<int>(std::floor(y0 + (y1 - y0) * i / steps)) - thickness / 2;
    fill_rectangle(image, x, y, x + thickness, y + thickness, colour);
  }
}

Colour bright_colour(size_t number) {
  const Colour base = label_palette()[1 + number % 200];
  Colour bright;
  for (size_t c = 0; c < 3; ++c) bright[c] = static_cast<uint8_t>(128 + base[c] / 2);
  return bright;
}

Colour bright_colour(const std::string& name) { return bright_colour(hash_text(name) % 200); }

}  // namespace fourm
