#include "fourm/draw/sam_image.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/rng.h"
#include "fourm/draw/mask_outline.h"
#include "fourm/draw/strokes.h"

namespace fourm {
namespace {

using Corners = std::vector<std::array<double, 2>>;

Image mask_of(const std::vector<std::string>& rows) {
  Image mask(static_cast<int>(rows[0].size()), static_cast<int>(rows.size()), 1);
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x) *mask.at(x, y) = rows[y][x] == '#' ? 255 : 0;
  return mask;
}

TEST(MaskOutline, GoesRoundTheLargestPart) {
  EXPECT_EQ(mask_outline(mask_of({"...", "..."})), Corners{});
  EXPECT_EQ(mask_outline(mask_of({".#.", "..."})), (Corners{{1, 0}, {2, 0}, {2, 1}, {1, 1}}));
  EXPECT_EQ(mask_outline(mask_of({"#..", "##."})), (Corners{{0, 0}, {1, 0}, {1, 1}, {2, 1}, {2, 2}, {0, 2}}));
  EXPECT_EQ(mask_outline(mask_of({"#..#", "...#"})), (Corners{{3, 0}, {4, 0}, {4, 2}, {3, 2}}));
  EXPECT_EQ(mask_outline(mask_of({"#.", ".#"})), (Corners{{0, 0}, {1, 0}, {1, 1}, {0, 1}})) << "corners do not join";
}

// Whether a point is inside by the even-odd rule.
bool is_inside(const Corners& polygon, double x, double y) {
  bool inside = false;
  for (size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++)
    if ((polygon[i][1] > y) != (polygon[j][1] > y) && polygon[i][0] > x) inside = !inside;  // vertical edges alone
  return inside;
}

// The pixels that are reached from the start by steps of the given kind over pixels of one value.
std::vector<bool> reached(const Image& mask, int from, bool diagonal) {
  std::vector<bool> seen(mask.area());
  std::vector<int> queue{from};
  seen[from] = true;
  for (size_t next = 0; next < queue.size(); ++next)
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx) {
        const int x = queue[next] % mask.width + dx, y = queue[next] / mask.width + dy, to = y * mask.width + x;
        if (x < 0 || y < 0 || x >= mask.width || y >= mask.height || (!diagonal && dx && dy)) continue;
        if (seen[to] || mask.pixels[to] != mask.pixels[from]) continue;
        seen[to] = true;
        queue.push_back(to);
      }
  return seen;
}

TEST(MaskOutline, FillsThePartWithItsHoles) {
  Random random(4);
  for (int round = 0; round < 200; ++round) {
    Image mask(12, 9, 1);  // the border is empty
    for (int y = 1; y < 8; ++y)
      for (int x = 1; x < 11; ++x) *mask.at(x, y) = random.below(100) < 55 ? 255 : 0;
    const Corners polygon = mask_outline(mask);
    if (polygon.empty()) continue;
    const int start = static_cast<int>(polygon[0][1]) * mask.width + static_cast<int>(polygon[0][0]);
    const std::vector<bool> part = reached(mask, start, false);
    Image alone(12, 9, 1);
    for (size_t i = 0; i < part.size(); ++i) alone.pixels[i] = part[i] ? 255 : 0;
    const std::vector<bool> outside = reached(alone, 0, true);
    for (int y = 0; y < 9; ++y)
      for (int x = 0; x < 12; ++x)
        EXPECT_EQ(is_inside(polygon, x + 0.5, y + 0.5), !outside[y * 12 + x]) << round << ": " << x << ", " << y;
  }
}

TEST(DrawSam, FillsMasksInsideTheirBoxes) {
  const Image plain(8, 8, 3, 0);
  std::vector<SamPoint> points{{10, 20, {{{100, 40, 140, 80}, {}}, {{0, 100, 50, 150}, {}}}}};
  const std::vector<Image> masks{mask_of({"#.", "#."}), mask_of({"..", ".."})};
  const Image drawn = draw_sam(plain, points, masks, kSamSide);
  const Colour first = bright_colour(size_t{0});
  const auto red = [&](int x, int y) { return int{drawn.at(x, y)[0]}; };
  EXPECT_EQ(red(110, 60), first[0] / 2) << "inside";
  EXPECT_EQ(red(100, 60), first[0]) << "the border";
  EXPECT_EQ(red(130, 60), 0) << "in the box, outside the mask";
  EXPECT_EQ(red(25, 125), 0) << "an empty mask";
  EXPECT_EQ(red(10, 20), 255) << "the point";

  const Image boxes = draw_sam(plain, points, {}, kSamSide);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), boxes.at(120, 40)));
  EXPECT_EQ(int{boxes.at(110, 60)[0]}, 0);
  EXPECT_NE(int{boxes.at(25, 100)[0]}, 0);
  points[0].instances[0].box = {-1e9, 5, 1e9, 10};
  draw_sam(plain, points, {}, 30);  // far outside: nothing is written there
}

}  // namespace
}  // namespace fourm
