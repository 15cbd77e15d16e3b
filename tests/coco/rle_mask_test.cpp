// Masks as run lengths against pycocotools (pycocotools_values.py) and against pixels.
#include "fourm/coco/rle_mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "fourm/core/error.h"
#include "tests/coco/random_set.h"

namespace fourm {
namespace {

std::vector<uint8_t> random_pixels(SharedRandom& random, int64_t height, int64_t width) {
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < height * width; ++i) pixels.push_back(static_cast<uint8_t>(random.below(3) == 0));
  return pixels;
}

TEST(RleMask, PolygonsEqualThoseOfPycocotools) {
  std::ifstream expected(std::string(FOURM_SOURCE_DIR) + "/tests/coco/pycocotools_polygons.txt");
  SharedRandom random(12345);
  int64_t masks = 0, filled = 0, height = 0, width = 0;
  std::string text;
  for (PixelBox bounds; expected >> height >> width >> text >> bounds[0] >> bounds[1] >> bounds[2] >> bounds[3];
       ++masks) {
    ASSERT_EQ(1 + random.below(80), height);
    ASSERT_EQ(1 + random.below(80), width);
    PixelBox box;
    for (double& v : box) v = &v < &box[2] ? random.quarter(-20, 30) : random.quarter(0, 60);
    const int64_t corners = 3 + random.below(8);
    const RleMask mask = RleMask::of_polygon(height, width, random_polygon(random, box, corners));
    EXPECT_EQ(mask.text(), text) << "polygon " << masks;
    EXPECT_EQ(RleMask::parse(height, width, text).counts, mask.counts) << text;
    EXPECT_EQ(mask.bounding_box(), bounds) << "polygon " << masks;
    filled += mask.area() > 0;
  }
  EXPECT_EQ(masks, 120);
  EXPECT_GT(filled, 60);
}

TEST(RleMask, PixelsComeBack) {
  SharedRandom random(1);
  for (int i = 0; i < 20; ++i) {
    const int64_t height = 1 + random.below(9), width = 1 + random.below(9);
    const auto pixels = random_pixels(random, height, width);
    const RleMask mask = RleMask::of_pixels(height, width, pixels);
    EXPECT_EQ(mask.pixels(), pixels);
    EXPECT_EQ(RleMask::parse(height, width, mask.text()).pixels(), pixels);
    EXPECT_EQ(mask.area(), std::count(pixels.begin(), pixels.end(), 1));
  }
}

TEST(RleMask, UnionsAndOverlapsAreThoseOfThePixels) {
  SharedRandom random(2);
  for (int i = 0; i < 20; ++i) {
    const auto a = random_pixels(random, 7, 8), b = random_pixels(random, 7, 8);
    double shared = 0, either = 0, first = 0;
    std::vector<uint8_t> all(a.size());
    for (size_t k = 0; k < a.size(); ++k) {
      shared += a[k] && b[k], either += a[k] || b[k], first += a[k];
      all[k] = a[k] || b[k];
    }
    const RleMask mask_a = RleMask::of_pixels(7, 8, a), mask_b = RleMask::of_pixels(7, 8, b);
    EXPECT_EQ(RleMask::union_of({mask_a, mask_b}).pixels(), all);
    EXPECT_DOUBLE_EQ(intersection_over_union(mask_a, mask_b), shared / either);
    EXPECT_DOUBLE_EQ(intersection_over_union(mask_a, mask_b, true), shared / first) << "in a crowd";
    EXPECT_EQ(intersection_over_union(mask_a, RleMask::of_pixels(8, 7, all)), -1) << "of another size";
  }
}

TEST(RleMask, RefusesWhatIsNoMask) {
  EXPECT_THROW(RleMask::of_counts(2, 2, {1, 2}), Error);
  EXPECT_THROW(RleMask::of_counts(0, 2, {0}), Error);
  EXPECT_THROW(RleMask::of_counts(int64_t{1} << 40, int64_t{1} << 40, {0}), Error);
  EXPECT_THROW(RleMask::parse(2, 2, ""), Error);
  EXPECT_THROW(RleMask::parse(2, 2, "oooooooooooo"), Error);
  EXPECT_THROW(RleMask::of_polygon(9, 9, {1e300, 0, 1, 1, 2, 2}), Error);
  EXPECT_THROW(RleMask::of_polygon(9, 9, {9e7, 0, -9e7, 1, 2, 2}), Error);
  EXPECT_THROW(RleMask::union_of({}), Error);
}

}  // namespace
}  // namespace fourm
