#include "fourm/transfer/mask_head.h"

#include <algorithm>
#include <cmath>

namespace fourm {
namespace {

// A pixel between two positions of a small mask, which count with 1 - rest and rest; positions outside the mask are 0.
struct Between {
  int64_t low;
  double rest;
};

// Those of the pixels from `first` on which the mask covers.
struct Span {
  int64_t first = 0;
  std::vector<Between> pixels;
};
Span span(double begin, double end, int64_t side, int64_t extent) {
  Span result;
  if (!(end > begin)) return result;
  const auto limited = [extent](double at) {
    return static_cast<int64_t>(std::clamp(at, 0.0, static_cast<double>(extent)));
  };
  result.first = limited(std::floor(begin));
  for (int64_t i = result.first; i < limited(std::ceil(end)); ++i) {
    const double at = (static_cast<double>(i) + 0.5 - begin) / (end - begin) * static_cast<double>(side) - 0.5;
    const double low = std::floor(at);
    result.pixels.push_back({static_cast<int64_t>(low), at - low});
  }
  return result;
}

}  // namespace

MaskHead::MaskHead(const Scope& scope, int64_t channels, int64_t classes)
    : up(scope["up"], channels, channels),
      masks(Linear::convolution(scope["masks"], {classes, channels}, /*zero=*/true)) {
  for (int64_t i = 0; i < 4; ++i) convs.emplace_back(scope["convs"][i], channels, channels, 3);
}

Tensor MaskHead::operator()(const Tensor& features) const {
  Tensor x = features;
  for (const auto& conv : convs) x = conv(x).relu();
  x = up(x).relu();
  return each_position(masks, x).transpose(1, 2).reshape({x.size(0), masks.weight.size(0), x.size(2), x.size(3)});
}

RleMask pasted_mask(const float* probabilities, int64_t side, const BoxCorners& box, int64_t height, int64_t width) {
  const auto [left, top, right, bottom] = box;
  const Span rows = span(top, bottom, side, height), columns = span(left, right, side, width);
  const auto value = [&](int64_t y, int64_t x) {
    return y < 0 || x < 0 || y >= side || x >= side ? 0.0 : static_cast<double>(probabilities[y * side + x]);
  };
  std::vector<uint8_t> pixels(static_cast<size_t>(height * width));
  for (size_t i = 0; i < rows.pixels.size(); ++i)
    for (size_t j = 0; j < columns.pixels.size(); ++j) {
      const auto [y, below] = rows.pixels[i];
      const auto [x, beyond] = columns.pixels[j];
      const double upper = value(y, x) * (1 - beyond) + value(y, x + 1) * beyond;
      const double lower = value(y + 1, x) * (1 - beyond) + value(y + 1, x + 1) * beyond;
      pixels[static_cast<size_t>((rows.first + static_cast<int64_t>(i)) * width + columns.first) + j] =
          upper * (1 - below) + lower * below >= 0.5;
    }
  return RleMask::of_pixels(height, width, pixels);
}

}  // namespace fourm
