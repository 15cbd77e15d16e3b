// Views: what a model sees of an image, for images, maps and boxes alike.
#include "fourm/transfer/view.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/message_of.h"

namespace fourm {
namespace {

InputConfig kind(const char* name) {
  InputConfig config;
  config.kind = name;
  return config;
}

TEST(View, FittedViewsAreAsDocumented) {
  const CropView crop = fitted_view(60, 40, Fit::kCrop, 0.5), pad = fitted_view(60, 40, Fit::kPad);
  EXPECT_EQ(crop.crop_width, 20);
  EXPECT_EQ(crop.left, 20);
  EXPECT_EQ(crop.top, 10);
  EXPECT_EQ(pad.crop_height, 60);
  EXPECT_EQ(pad.top, 0);
  const CropView stretch = fitted_view(60, 40, Fit::kStretch);
  EXPECT_EQ(stretch.crop_width, 60);
  EXPECT_EQ(stretch.crop_height, 40);
  EXPECT_EQ(test::message_of([] { parse_fit("crp"); }), "fit is 'crp', expected crop, pad or stretch");
}

TEST(View, PaddingIsNoLabelAndNoDepth) {
  const CropView pad = fitted_view(8, 4, Fit::kPad);
  const auto labels = std::get<Image>(apply_view(kind("semseg"), Image(8, 4, 1, 3), pad, 8));
  const auto depth = std::get<Raster<float>>(apply_view(kind("depth"), Raster<float>(8, 4, 1, 2.5F), pad, 8));
  const auto rgb = std::get<Image>(apply_view(kind("rgb"), Image(8, 4, 3, 9), pad, 8));
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) {
      EXPECT_EQ(*labels.at(x, y), y < 4 ? 3 : 255);
      EXPECT_EQ(*depth.at(x, y), y < 4 ? 2.5F : 0);
      EXPECT_EQ(rgb.at(x, y)[0], y < 4 ? 9 : 124);
    }
}

// A rectangle of an image is found at the same place in the shown image, label map and depth map, and by view_box, for every kind of
// random view.
TEST(View, ImagesMapsAndBoxesMoveTogether) {
  constexpr int kWidth = 64, kHeight = 48, kSize = 96;
  const LabelledBox box{0.25, 0.25, 0.625, 0.75, "thing", 1};
  Image rgb(kWidth, kHeight, 3), labels(kWidth, kHeight, 1);
  Raster<float> depth(kWidth, kHeight, 1, 1);
  for (int y = 12; y < 36; ++y)
    for (int x = 16; x < 40; ++x) {
      rgb.at(x, y)[0] = 255;
      *labels.at(x, y) = 1;
      *depth.at(x, y) = 3;
    }
  int seen = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    Random random(7, {i});
    CropView view =
        i % 2 ? jittered_view(kWidth, kHeight, 0.4, 2, random) : random_square(kWidth, kHeight, 0.7, random);
    view.flip = random.chance(0.5);
    const auto image = std::get<Image>(apply_view(kind("rgb"), rgb, view, kSize));
    const auto map = std::get<Image>(apply_view(kind("semseg"), labels, view, kSize));
    const auto metres = std::get<Raster<float>>(apply_view(kind("depth"), depth, view, kSize));
    int x0 = kSize, y0 = kSize, x1 = 0, y1 = 0, disagree = 0, inside = 0;
    for (int y = 0; y < kSize; ++y)
      for (int x = 0; x < kSize; ++x) {
        const bool labelled = *map.at(x, y) == 1, known = *map.at(x, y) != 255;
        disagree += known && (labelled != (image.at(x, y)[0] > 127) || labelled != (*metres.at(x, y) > 2));
        if (!labelled) continue;
        ++inside;
        x0 = std::min(x0, x), y0 = std::min(y0, y), x1 = std::max(x1, x + 1), y1 = std::max(y1, y + 1);
      }
    EXPECT_LT(disagree, kSize * 4) << "more than the pixels of an edge";
    const auto found = view_box(box, view);
    ASSERT_EQ(found.has_value(), inside > 0);
    if (!found) continue;
    ++seen;
    EXPECT_NEAR(found->xmin * kSize, x0, 2.5);
    EXPECT_NEAR(found->ymin * kSize, y0, 2.5);
    EXPECT_NEAR(found->xmax * kSize, x1, 2.5);
    EXPECT_NEAR(found->ymax * kSize, y1, 2.5);
  }
  EXPECT_GT(seen, 100);
}

TEST(View, UnshowPutsAMapBack) {
  Image labels(30, 20, 1);
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 30; ++x) *labels.at(x, y) = static_cast<uint8_t>((x * 7 + y * 3) % 11);
  CropView view = fitted_view(30, 20, Fit::kPad);
  view.flip = true;
  const auto shown = std::get<Image>(apply_view(kind("semseg"), labels, view, 30));
  EXPECT_TRUE(invert_view(shown, view, uint8_t{255}) == labels);
  const CropView crop = fitted_view(30, 20, Fit::kCrop);
  const auto back = invert_view(std::get<Image>(apply_view(kind("semseg"), labels, crop, 20)), crop, uint8_t{255});
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 30; ++x) EXPECT_EQ(*back.at(x, y), x >= 5 && x < 25 ? *labels.at(x, y) : 255);
}

TEST(View, JitterKeepsItsScale) {
  for (uint64_t i = 0; i < 200; ++i) {
    Random random(1, {i});
    const CropView view = jittered_view(100, 60, 0.5, 2, random);
    EXPECT_GE(view.crop_width, 50);
    EXPECT_LE(view.crop_width, 200);
    EXPECT_GE(view.left, 0);
    EXPECT_LE(view.left, std::max(0.0, 100 - view.crop_width));
  }
}

}  // namespace
}  // namespace fourm
