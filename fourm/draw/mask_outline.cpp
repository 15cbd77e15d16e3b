#include "fourm/draw/mask_outline.h"

#include <utility>

namespace fourm {
namespace {

// The pixels of the largest part, row by row.
std::vector<bool> largest_part(const Image& mask) {
  std::vector<bool> seen(mask.area()), largest(mask.area());
  std::vector<size_t> best;
  const auto width = static_cast<size_t>(mask.width);
  for (size_t start = 0; start < mask.area(); ++start) {
    std::vector<size_t> part;
    const auto visit = [&](size_t pixel) {
      if (seen[pixel] || mask.pixels[pixel] <= 127) return;
      seen[pixel] = true;
      part.push_back(pixel);
    };
    visit(start);
    for (size_t next = 0; next < part.size(); ++next) {
      const size_t pixel = part[next], x = pixel % width;
      if (x > 0) visit(pixel - 1);
      if (x + 1 < width) visit(pixel + 1);
      if (pixel >= width) visit(pixel - width);
      if (pixel + width < mask.area()) visit(pixel + width);
    }
    if (part.size() > best.size()) best = std::move(part);
  }
  for (const size_t pixel : best) largest[pixel] = true;
  return largest;
}

}  // namespace

std::vector<std::array<double, 2>> mask_outline(const Image& mask) {
  const std::vector<bool> part = largest_part(mask);
  const auto inside = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < mask.width && y < mask.height && part[static_cast<size_t>(y) * mask.width + x];
  };
  size_t first = 0;
  while (first < part.size() && !part[first]) ++first;
  if (first == part.size()) return {};
  // Walks along pixel edges with the part to the right: right, down, left, up are the directions 0 to 3.
  constexpr int kStep[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  constexpr int kRight[4][2] = {{0, 0}, {-1, 0}, {-1, -1}, {0, -1}};  // the pixel ahead on the right of a corner
  constexpr int kLeft[4][2] = {{0, -1}, {0, 0}, {-1, 0}, {-1, -1}};
  const int x0 = static_cast<int>(first % mask.width), y0 = static_cast<int>(first / mask.width);
  int x = x0, y = y0, direction = 0;
  std::vector<std::array<double, 2>> corners{{static_cast<double>(x), static_cast<double>(y)}};
  for (;;) {
    x += kStep[direction][0];
    y += kStep[direction][1];
    if (x == x0 && y == y0) return corners;
    const int before = direction;
    if (!inside(x + kRight[direction][0], y + kRight[direction][1]))
      direction = (direction + 1) % 4;
    else if (inside(x + kLeft[direction][0], y + kLeft[direction][1]))
      direction = (direction + 3) % 4;
    if (direction != before) corners.push_back({static_cast<double>(x), static_cast<double>(y)});
  }
}

}  // namespace fourm
