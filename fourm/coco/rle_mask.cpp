#include "fourm/coco/rle_mask.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr double kUpsampling = 5;           // polygons are traced at five times the resolution
constexpr double kLargestCoordinate = 1e8;  // times five, still an int32
constexpr int64_t kMostPoints = int64_t{1} << 27;
constexpr int64_t kMostPixels = int64_t{1} << 31;

void check_size(int64_t height, int64_t width) {
  check(height > 0 && width > 0 && height <= kMostPixels / width, "a mask of height ", height, " and width ", width,
        ", expected at least one and at most 2^31 pixels");
}

struct Point {
  int32_t x, y;
};

// Every point of the boundary, at five times the resolution.
std::vector<Point> trace(const std::vector<double>& corners) {
  const size_t n = corners.size() / 2;
  std::vector<Point> corner(n);
  const auto upsampled = [](double v) {
    check(std::abs(v) <= kLargestCoordinate, "a polygon with the coordinate ", v);
    return static_cast<int32_t>(kUpsampling * v + 0.5);
  };
  for (size_t i = 0; i < n; ++i) corner[i] = {upsampled(corners[2 * i]), upsampled(corners[2 * i + 1])};
  corner.push_back(corner[0]);
  int64_t length = 0;
  for (size_t i = 0; i < n; ++i)
    length += std::max(std::abs(corner[i].x - corner[i + 1].x), std::abs(corner[i].y - corner[i + 1].y)) + 1;
  check(length <= kMostPoints, "a polygon with a boundary of ", length / 5, " pixels");
  std::vector<Point> points;
  points.reserve(static_cast<size_t>(length));
  for (size_t i = 0; i < n; ++i) {
    Point from = corner[i], to = corner[i + 1];
    const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
    const bool flat = dx >= dy, flip = flat ? from.x > to.x : from.y > to.y;
    if (flip) std::swap(from, to);
    const int steps = flat ? dx : dy;
    const double slope = flat ? static_cast<double>(to.y - from.y) / dx : static_cast<double>(to.x - from.x) / dy;
    for (int step = 0; step <= steps; ++step) {
      const int t = flip ? steps - step : step;
      if (flat)
        points.push_back({t + from.x, dx == 0 ? from.y : static_cast<int32_t>(from.y + slope * t + 0.5)});
      else
        points.push_back({static_cast<int32_t>(from.x + slope * t + 0.5), t + from.y});
    }
  }
  return points;
}

// Where the boundary crosses the centre of a column: the position of the first pixel below, in the order of the mask.
std::vector<uint32_t> crossings(const std::vector<Point>& boundary, int64_t height, int64_t width) {
  std::vector<uint32_t> positions;
  const auto downsampled = [](int v) { return (v + 0.5) / kUpsampling - 0.5; };
  for (size_t i = 1; i < boundary.size(); ++i) {
    const Point a = boundary[i - 1], b = boundary[i];
    if (a.x == b.x) continue;
    const double x = downsampled(b.x < a.x ? b.x : b.x - 1);
    if (std::floor(x) != x || x < 0 || x > static_cast<double>(width - 1)) continue;
    const double y = std::ceil(std::clamp(downsampled(std::min(a.y, b.y)), 0.0, static_cast<double>(height)));
    positions.push_back(static_cast<uint32_t>(static_cast<int64_t>(x) * height + static_cast<int64_t>(y)));
  }
  return positions;
}

// Walks over two masks at once, a run at a time.
template <class Visit>
void walk(const RleMask& a, const RleMask& b, const Visit& visit) {
  size_t next_a = 1, next_b = 1;
  uint32_t left_a = a.counts[0], left_b = b.counts[0], left = 1;
  bool in_a = false, in_b = false;
  while (left > 0) {
    const uint32_t run = std::min(left_a, left_b);
    visit(run, in_a, in_b);
    const auto advance = [run](const RleMask& mask, uint32_t& remaining, size_t& next, bool& inside) {
      remaining -= run;
      if (remaining == 0 && next < mask.counts.size()) {
        remaining = mask.counts[next++];
        inside = !inside;
      }
      return remaining;
    };
    const uint32_t more_a = advance(a, left_a, next_a, in_a), more_b = advance(b, left_b, next_b, in_b);
    left = more_a | more_b;
  }
}

RleMask union_of_two(const RleMask& a, const RleMask& b) {
  RleMask both{a.height, a.width, {}};
  bool inside = false;
  uint32_t length = 0;
  walk(a, b, [&](uint32_t run, bool in_a, bool in_b) {
    if ((in_a || in_b) != inside) {
      both.counts.push_back(length);
      length = 0;
      inside = !inside;
    }
    length += run;
  });
  both.counts.push_back(length);
  return both;
}

}  // namespace

RleMask RleMask::of_counts(int64_t height, int64_t width, std::vector<uint32_t> counts) {
  check_size(height, width);
  const auto sum = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  check(sum == static_cast<uint64_t>(height * width), "the run lengths of a mask add up to ", sum, ", expected ",
        height * width, ", the pixels of its size ", height, " x ", width);
  return {height, width, std::move(counts)};
}

RleMask RleMask::parse(int64_t height, int64_t width, std::string_view text) {
  std::vector<uint32_t> counts;
  for (size_t i = 0; i < text.size();) {
    int64_t value = 0;
    bool more = true;
    for (int shift = 0; more; shift += 5) {
      check(i < text.size() && shift <= 35, "the run lengths of a mask are cut off");
      const int c = static_cast<unsigned char>(text[i++]) - 48;
      check(c >= 0 && c < 64, "the run lengths of a mask hold another character than those from '0' to 'o'");
      value |= static_cast<int64_t>(c & 0x1f) << shift;
      more = c & 0x20;
      if (!more && (c & 0x10)) value -= int64_t{1} << (shift + 5);
    }
    if (counts.size() > 2) value += counts[counts.size() - 2];
    check(value >= 0 && value <= UINT32_MAX, "the run lengths of a mask hold ", value);
    counts.push_back(static_cast<uint32_t>(value));
  }
  return of_counts(height, width, std::move(counts));
}

RleMask RleMask::of_pixels(int64_t height, int64_t width, const std::vector<uint8_t>& pixels) {
  check_size(height, width);
  check(static_cast<int64_t>(pixels.size()) == height * width, "[RleMask] ", pixels.size(), " pixels, expected ",
        height * width);
  RleMask mask{height, width, {}};
  bool inside = false;
  uint32_t length = 0;
  for (int64_t x = 0; x < width; ++x)
    for (int64_t y = 0; y < height; ++y) {
      if ((pixels[static_cast<size_t>(y * width + x)] != 0) != inside) {
        mask.counts.push_back(length);
        length = 0;
        inside = !inside;
      }
      ++length;
    }
  mask.counts.push_back(length);
  return mask;
}

RleMask RleMask::of_polygon(int64_t height, int64_t width, const std::vector<double>& corners) {
  check_size(height, width);
  check(corners.size() >= 4, "a polygon of ", corners.size(), " numbers, expected four or more: x0, y0, x1, y1, ...");
  std::vector<uint32_t> positions = crossings(trace(corners), height, width);
  positions.push_back(static_cast<uint32_t>(height * width));
  std::sort(positions.begin(), positions.end());
  // Two crossings at one position cancel each other: the runs before and after them are one.
  RleMask mask{height, width, {}};
  for (size_t i = 0; i < positions.size(); ++i) {
    const uint32_t length = positions[i] - (i ? positions[i - 1] : 0);
    if (i == 0 || length > 0)
      mask.counts.push_back(length);
    else if (++i < positions.size())
      mask.counts.back() += positions[i] - positions[i - 1];
  }
  return mask;
}

RleMask RleMask::union_of(const std::vector<RleMask>& masks) {
  check(!masks.empty(), "a union of no masks");
  RleMask all = masks[0];
  for (size_t i = 1; i < masks.size(); ++i) {
    check(masks[i].height == all.height && masks[i].width == all.width, "a union of masks of two sizes");
    all = union_of_two(all, masks[i]);
  }
  return all;
}

std::string RleMask::text() const {
  std::string text;
  for (size_t i = 0; i < counts.size(); ++i) {
    int64_t value = counts[i];
    if (i > 2) value -= counts[i - 2];
    for (bool more = true; more;) {
      int c = static_cast<int>(value & 0x1f);
      value >>= 5;
      more = c & 0x10 ? value != -1 : value != 0;
      if (more) c |= 0x20;
      text += static_cast<char>(c + 48);
    }
  }
  return text;
}

std::vector<uint8_t> RleMask::pixels() const {
  std::vector<uint8_t> pixels(static_cast<size_t>(height * width));
  int64_t position = 0;
  for (size_t i = 0; i < counts.size(); ++i)
    for (uint32_t k = 0; k < counts[i]; ++k, ++position)
      if (i % 2 == 1) pixels[static_cast<size_t>(position % height * width + position / height)] = 1;
  return pixels;
}

int64_t RleMask::area() const {
  int64_t area = 0;
  for (size_t i = 1; i < counts.size(); i += 2) area += counts[i];
  return area;
}

PixelBox RleMask::bounding_box() const {
  // As pycocotools: ends of runs, empty ones too, bound the box; a run over several columns has their full height.
  const size_t ends = counts.size() / 2 * 2;
  if (ends == 0) return {0, 0, 0, 0};
  int64_t left = width, top = height, right = 0, bottom = 0, position = 0, start = 0;
  for (size_t i = 0; i < ends; ++i) {
    position += counts[i];
    const int64_t at = position - static_cast<int64_t>(i % 2), y = at % height, x = at / height;
    if (i % 2 == 0) {
      start = x;
    } else if (start < x) {
      top = 0;
      bottom = height - 1;
    }
    left = std::min(left, x), right = std::max(right, x);
    top = std::min(top, y), bottom = std::max(bottom, y);
  }
  return {static_cast<double>(left), static_cast<double>(top), static_cast<double>(right - left + 1),
          static_cast<double>(bottom - top + 1)};
}

double intersection_over_union(const PixelBox& prediction, const PixelBox& truth, bool crowd) {
  const auto& d = prediction;
  const auto& g = truth;
  const double width = std::min(d[2] + d[0], g[2] + g[0]) - std::max(d[0], g[0]);
  if (width <= 0) return 0;
  const double height = std::min(d[3] + d[1], g[3] + g[1]) - std::max(d[1], g[1]);
  if (height <= 0) return 0;
  const double shared = width * height;
  return shared / (crowd ? d[2] * d[3] : d[2] * d[3] + g[2] * g[3] - shared);
}

double intersection_over_union(const RleMask& prediction, const RleMask& truth, bool crowd) {
  if (intersection_over_union(prediction.bounding_box(), truth.bounding_box(), crowd) <= 0) return 0;
  if (prediction.height != truth.height || prediction.width != truth.width) return -1;
  int64_t shared = 0, either = 0;
  walk(prediction, truth, [&](uint32_t run, bool in_a, bool in_b) {
    if (in_a || in_b) either += run;
    if (in_a && in_b) shared += run;
  });
  if (shared == 0) return 0;
  return static_cast<double>(shared) / static_cast<double>(crowd ? prediction.area() : either);
}

}  // namespace fourm
