// Resizing as Pillow does it: the columns first, then the rows; the filter grows with the reduction, so that nothing is
// skipped; 8-bit values are rounded after either pass, with weights of 22 bits after the point.
#include "fourm/io/image_resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace fourm {
namespace {

struct Filter {
  double radius;  // in output pixels
  double (*weight)(double distance);
};

constexpr Filter kTriangle{1, [](double x) { return std::max(0.0, 1 - std::abs(x)); }};
// Keys' cubic convolution with a = -0.5.
constexpr Filter kCubic{2, [](double x) {
                          x = std::abs(x);
                          if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
                          return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0.0;
                        }};

constexpr int kFractionBits = 22;

// The source pixels that make one output pixel along an axis: the first index, and weights that sum to one.
template <class Weight>
struct Taps {
  int first = 0;
  std::vector<Weight> weights;
};

template <class Weight>
std::vector<Taps<Weight>> taps_of(const Filter& filter, int from, int to) {
  const double scale = static_cast<double>(from) / to, stretch = std::max(scale, 1.0), radius = filter.radius * stretch;
  std::vector<Taps<Weight>> taps(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - radius + 0.5));
    const int end = std::min(from, static_cast<int>(centre + radius + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int k = first; k < end; ++k) {
      weights.push_back(filter.weight((k + 0.5 - centre) / stretch));
      sum += weights.back();
    }
    taps[i].first = first;
    for (const double weight : weights) {
      if constexpr (std::is_floating_point_v<Weight>)
        taps[i].weights.push_back(weight / sum);
      else
        taps[i].weights.push_back(static_cast<Weight>(std::lround(weight / sum * (1 << kFractionBits))));
    }
  }
  return taps;
}

float finished(double sum) { return static_cast<float>(sum); }
// The sum of the weights' absolute values is below 2, so that sums of bytes fit 32 bits.
uint8_t finished(int32_t sum) {
  return static_cast<uint8_t>(std::clamp((sum + (1 << (kFractionBits - 1))) >> kFractionBits, 0, 255));
}

// One output pixel of kChannels channels: the weighted sum of pixels that lie side by side.
template <int kChannels, class Sum, class T, class Weight>
void combine_pixels(const Taps<Weight>& taps, const T* row, T* to) {
  std::array<Sum, kChannels> sums{};
  const T* value = row + int64_t{taps.first} * kChannels;
  for (const Weight weight : taps.weights) {
    for (int c = 0; c < kChannels; ++c) sums[c] += static_cast<Sum>(weight) * static_cast<Sum>(value[c]);
    value += kChannels;
  }
  for (int c = 0; c < kChannels; ++c) to[c] = finished(sums[c]);
}

template <int kChannels, class T>
Raster<T> resize(const Raster<T>& image, int width, int height, const Filter& filter) {
  using Weight = std::conditional_t<std::is_floating_point_v<T>, double, int32_t>;
  using Sum = Weight;
  Raster<T> wide(width, image.height, kChannels), out(width, height, kChannels);
  const auto across = taps_of<Weight>(filter, image.width, width), down = taps_of<Weight>(filter, image.height, height);
  for (int y = 0; y < wide.height; ++y)
    for (int x = 0; x < width; ++x) combine_pixels<kChannels, Sum>(across[x], image.at(0, y), wide.at(x, y));
  std::vector<Sum> sums(static_cast<size_t>(width) * kChannels);
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), Sum{0});
    for (size_t k = 0; k < down[y].weights.size(); ++k) {
      const Weight weight = down[y].weights[k];
      const T* row = wide.at(0, down[y].first + static_cast<int>(k));
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += weight * static_cast<Sum>(row[i]);
    }
    std::transform(sums.begin(), sums.end(), out.at(0, y), [](Sum sum) { return finished(sum); });
  }
  return out;
}

template <class T>
Raster<T> resize(const Raster<T>& image, int width, int height, const Filter& filter) {
  check(width > 0 && height > 0 && image.area() > 0, "[resize] sizes must be positive, got ", image.width, "x",
        image.height, " to ", width, "x", height);
  switch (image.channels) {
    case 1: return resize<1>(image, width, height, filter);
    case 3: return resize<3>(image, width, height, filter);
    case 4: return resize<4>(image, width, height, filter);
  }
  fail("[resize] expected 1, 3 or 4 channels, got ", image.channels);
}

}  // namespace

Image resize_bilinear(const Image& image, int width, int height) { return resize(image, width, height, kTriangle); }
Raster<float> resize_bilinear(const Raster<float>& image, int width, int height) {
  return resize(image, width, height, kTriangle);
}
Image resize_bicubic(const Image& image, int width, int height) { return resize(image, width, height, kCubic); }

}  // namespace fourm
