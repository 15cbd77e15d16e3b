#include "fourm/io/colour_name.h"

#include <algorithm>

namespace fourm {

std::string_view colour_name(const Colour& srgb) {
  const double r = srgb[0] / 255.0, g = srgb[1] / 255.0, b = srgb[2] / 255.0;
  const double high = std::max({r, g, b}), chroma = high - std::min({r, g, b});
  const double saturation = high > 0 ? chroma / high : 0;
  if (high < 0.2) return "black";
  if (saturation < 0.14 || chroma < 0.06) return high > 0.8 ? "white" : high < 0.27 ? "black" : "grey";
  double hue = high == r ? (g - b) / chroma : high == g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
  hue = hue < 0 ? 60 * hue + 360 : 60 * hue;
  if (hue >= 12 && hue < 62) {
    if (saturation < 0.42 && high > 0.62) return "beige";
    if (hue < 46) return high < 0.72 || saturation < 0.5 ? "brown" : "orange";
    return high < 0.45 ? "brown" : "yellow";
  }
  if (hue < 12 || hue >= 335)
    return high > 0.65 && saturation < 0.5 ? "pink" : hue < 12 && high < 0.35 ? "brown" : "red";
  if (hue < 165) return "green";
  if (hue < 255) return "blue";
  if (hue < 300) return "purple";
  return high > 0.6 ? "pink" : "purple";
}

}  // namespace fourm
