#include "fourm/modality/known_pixels.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fourm/core/rng.h"

namespace fourm {
namespace {

TEST(KnownPixels, AnEmptyListMeansThatAllAreKnown) {
  EXPECT_TRUE(is_known({}, 7));
  EXPECT_TRUE(any_known({}));
  EXPECT_FALSE(is_known({1, 0}, 1));
  EXPECT_FALSE(any_known({0, 0}));
}

// The result is checked against the distance in steps of every known pixel.
TEST(KnownPixels, UnknownPixelsTakeTheValueOfANearestKnownOne) {
  Random random(4);
  for (int trial = 0; trial < 20; ++trial) {
    const int width = 1 + static_cast<int>(random.below(9)), height = 1 + static_cast<int>(random.below(9));
    Raster<float> map(width, height, 1);
    KnownPixels known(map.area());
    for (size_t i = 0; i < map.area(); ++i) {
      known[i] = random.chance(0.3);
      map.pixels[i] = static_cast<float>(i);  // a value names its pixel
    }
    const Raster<float> before = map;
    fill_unknown(map, known);
    if (!any_known(known)) {
      EXPECT_EQ(map, before);
      continue;
    }
    const auto steps = [&](size_t a, size_t b) {
      const auto w = static_cast<size_t>(width);
      const auto apart = [](size_t x, size_t y) { return x > y ? x - y : y - x; };
      return apart(a % w, b % w) + apart(a / w, b / w);
    };
    for (size_t i = 0; i < map.area(); ++i) {
      size_t nearest = SIZE_MAX;
      for (size_t k = 0; k < map.area(); ++k)
        if (known[k]) nearest = std::min(nearest, steps(i, k));
      const auto source = static_cast<size_t>(map.pixels[i]);
      EXPECT_TRUE(known[source]) << i;
      EXPECT_EQ(steps(i, source), nearest) << i;
    }
  }
}

TEST(KnownPixels, ResizingWeighsKnownPixelsAlone) {
  const Raster<float> flat(8, 8, 1, 3.0F);
  KnownPixels known(64, 1);
  Raster<float> holes = flat;
  for (const size_t i : {0, 1, 8, 9, 30}) known[i] = 0, holes.pixels[i] = 1e6F;
  const Raster<float> small = resize_known(holes, known, 4, 4, -1);
  EXPECT_EQ(small.pixels[0], -1) << "nothing below it is known";
  for (size_t i = 1; i < small.area(); ++i) EXPECT_NEAR(small.pixels[i], 3, 1e-5) << i;
}

}  // namespace
}  // namespace fourm
