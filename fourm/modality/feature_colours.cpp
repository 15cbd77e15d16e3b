#include "fourm/modality/feature_colours.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fourm {
namespace {

constexpr int kRounds = 50;  // of power iteration

double dot(const float* a, const std::vector<float>& b) { return std::inner_product(b.begin(), b.end(), a, 0.0); }

void normalise(float* v, size_t width) {
  const double length = std::sqrt(std::inner_product(v, v + width, v, 0.0));
  for (size_t c = 0; c < width; ++c) v[c] = static_cast<float>(v[c] / std::max(length, 1e-20));
}

std::vector<float> unit_rows(const Raster<float>& map) {
  std::vector<float> rows = map.pixels;
  const auto width = static_cast<size_t>(map.channels);
  for (size_t at = 0; at < rows.size(); at += width) normalise(&rows[at], width);
  return rows;
}

// The direction in which the rows vary most, by power iteration from a fixed start; its largest entry is positive.
std::vector<float> principal(const std::vector<float>& rows, size_t width) {
  std::vector<float> direction(width);
  for (size_t c = 0; c < width; ++c) direction[c] = 1 + static_cast<float>(c % 7);
  normalise(direction.data(), width);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<float> next(width);
    for (size_t at = 0; at < rows.size(); at += width) {
      const auto weight = static_cast<float>(dot(&rows[at], direction));
      for (size_t c = 0; c < width; ++c) next[c] += weight * rows[at + c];
    }
    if (dot(next.data(), next) < 1e-20) break;  // nothing varies
    direction = std::move(next);
    normalise(direction.data(), width);
  }
  const auto largest =
      std::max_element(direction.begin(), direction.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (*largest < 0)
    for (float& x : direction) x = -x;
  return direction;
}

}  // namespace

FeatureColours::FeatureColours(const Raster<float>& map) : mean_(static_cast<size_t>(map.channels)) {
  check(map.area() > 0 && map.channels > 0, "[FeatureColours] the feature map is empty");
  const size_t width = mean_.size();
  std::vector<float> rows = unit_rows(map);
  for (size_t i = 0; i < rows.size(); ++i) mean_[i % width] += rows[i] / static_cast<float>(map.area());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] -= mean_[i % width];
  for (int c = 0; c < 3; ++c) {
    Axis axis{principal(rows, width)};
    for (size_t at = 0; at < rows.size(); at += width) {
      const auto along = static_cast<float>(dot(&rows[at], axis.direction));
      axis.low = std::min(axis.low, along);
      axis.high = std::max(axis.high, along);
      for (size_t k = 0; k < width; ++k) rows[at + k] -= along * axis.direction[k];
    }
    axes_.push_back(std::move(axis));
  }
}

Image FeatureColours::operator()(const Raster<float>& map) const {
  check(map.channels == static_cast<int>(mean_.size()), "[FeatureColours] a map of ", map.channels,
        " numbers per position, expected ", mean_.size());
  Image out(map.width, map.height, 3);
  std::vector<float> rows = unit_rows(map);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] -= mean_[i % mean_.size()];
  for (size_t i = 0; i < map.area(); ++i) {
    for (size_t c = 0; c < axes_.size(); ++c) {
      const auto& [direction, low, high] = axes_[c];
      const double share = (dot(&rows[i * mean_.size()], direction) - low) / std::max(high - low, 1e-6F);
      out.pixels[3 * i + c] = static_cast<uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0)));
    }
  }
  return out;
}

}  // namespace fourm
