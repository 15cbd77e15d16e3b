// Pixels of maps whose value is not known, such as holes in measured depth. Resizing, losses and measures ignore them. An
// encoder reads the nearest known value in their place.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

/// 1 where a pixel is known, row by row; empty: all are known.
using KnownPixels = std::vector<uint8_t>;

inline bool is_known(const KnownPixels& known, size_t pixel) { return known.empty() || known[pixel] != 0; }
inline bool any_known(const KnownPixels& known) {
  return known.empty() || std::find(known.begin(), known.end(), 1) != known.end();
}

/// Gives each unknown pixel the value of the nearest known one, in steps to the left, right, up and down. A map without
/// known pixels stays as it is.
template <class T>
void fill_unknown(Raster<T>& map, const KnownPixels& known) {
  if (known.empty()) return;
  const size_t width = static_cast<size_t>(map.width), area = map.area();
  KnownPixels reached = known;
  std::vector<uint32_t> queue;
  queue.reserve(area);
  for (size_t i = 0; i < area; ++i)
    if (known[i]) queue.push_back(static_cast<uint32_t>(i));
  for (size_t next = 0; next < queue.size(); ++next) {
    const size_t from = queue[next];
    const auto spread = [&](size_t to) {
      if (reached[to]) return;
      reached[to] = 1;
      std::copy_n(&map.pixels[from * map.channels], map.channels, &map.pixels[to * map.channels]);
      queue.push_back(static_cast<uint32_t>(to));
    };
    if (from % width > 0) spread(from - 1);
    if ((from + 1) % width > 0) spread(from + 1);
    if (from >= width) spread(from - width);
    if (from + width < area) spread(from + width);
  }
}

/// resize_bilinear over the known pixels alone, their weights scaled to sum to one. A pixel of the result is known where
/// at least half of its weight is that of known pixels; the others become `unknown` in every channel.
Raster<float> resize_known(const Raster<float>& map, const KnownPixels& known, int width, int height, float unknown);

}  // namespace fourm
