#include <algorithm>
#include <cmath>

#include "fourm/io/image.h"

namespace fourm {
namespace {

// The source pixels that make one output pixel along an axis: first index and weights that sum to one.
struct Taps {
  int first;
  std::vector<double> weights;
};

std::vector<Taps> triangle_taps(int from, int to) {
  const double scale = static_cast<double>(from) / to, reach = std::max(scale, 1.0);
  std::vector<Taps> taps(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int low = std::max(0, static_cast<int>(centre - reach + 0.5));
    const int high = std::min(from, static_cast<int>(centre + reach + 0.5));
    Taps& t = taps[i];
    t.first = low;
    double sum = 0;
    for (int k = low; k < high; ++k) {
      t.weights.push_back(std::max(0.0, 1 - std::abs((k + 0.5 - centre) / reach)));
      sum += t.weights.back();
    }
    for (double& w : t.weights) w /= sum;
  }
  return taps;
}

template <class T>
T rounded(double value) {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(value);
  else
    return static_cast<T>(std::clamp(std::floor(value + 0.5), 0.0, 255.0));
}

template <class T>
Raster<T> resize(const Raster<T>& image, int width, int height) {
  check(width > 0 && height > 0 && image.area() > 0, "[resize_bilinear] sizes must be positive, got ", image.width, "x",
        image.height, " to ", width, "x", height);
  Raster<T> wide(width, image.height, image.channels), out(width, height, image.channels);
  const auto across = triangle_taps(image.width, width), down = triangle_taps(image.height, height);
  for (int y = 0; y < wide.height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < image.channels; ++c) {
        double sum = 0;
        for (size_t k = 0; k < across[x].weights.size(); ++k)
          sum += across[x].weights[k] * image.at(across[x].first + static_cast<int>(k), y)[c];
        wide.at(x, y)[c] = rounded<T>(sum);
      }
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < image.channels; ++c) {
        double sum = 0;
        for (size_t k = 0; k < down[y].weights.size(); ++k)
          sum += down[y].weights[k] * wide.at(x, down[y].first + static_cast<int>(k))[c];
        out.at(x, y)[c] = rounded<T>(sum);
      }
  return out;
}

}  // namespace

Image resize_bilinear(const Image& image, int width, int height) { return resize(image, width, height); }
Raster<float> resize_bilinear(const Raster<float>& image, int width, int height) {
  return resize(image, width, height);
}

}  // namespace fourm
