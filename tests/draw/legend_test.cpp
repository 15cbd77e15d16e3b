#include "fourm/draw/legend.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

bool has_colour(const Image& image, Colour colour, int from_row) {
  for (int y = from_row; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (std::equal(colour.begin(), colour.end(), image.at(x, y))) return true;
  return false;
}

TEST(Legend, NamesTheClassesThatCoverAPercent) {
  Raster<uint8_t> labels(20, 10, 1, 3);  // 200 pixels
  std::fill_n(labels.pixels.begin(), 48, uint8_t{7});
  std::fill_n(labels.pixels.begin() + 50, 2, uint8_t{255});
  labels.pixels[60] = 1;  // half a percent
  const std::vector<LegendEntry> entries = label_legend(labels, {"other", "door", "", "wall"});
  const auto& palette = label_palette();
  EXPECT_EQ(entries, (std::vector<LegendEntry>{{palette[3], "wall"}, {palette[7], "7"}, {palette[255], "none"}}));
}

TEST(Legend, StandsBelowTheImageInLinesThatFit) {
  const Image image(10, 5, 3, 9);
  EXPECT_EQ(draw_legend(image, {}, 40), resize_bilinear(image, 40, 20));
  const std::vector<LegendEntry> entries{{{255, 0, 0}, "a wall"}, {{0, 255, 0}, "a floor"}, {{0, 0, 255}, "a lamp"}};
  const Image wide = draw_legend(image, entries, 200), narrow = draw_legend(image, entries, 60);
  EXPECT_EQ(wide.width, 200);
  for (const auto& entry : entries) {
    EXPECT_TRUE(has_colour(wide, entry.colour, 100)) << entry.name;
    EXPECT_TRUE(has_colour(narrow, entry.colour, 30)) << entry.name;
  }
  EXPECT_GT(narrow.height - 30, 2 * (wide.height - 100)) << "three lines instead of one";
}

TEST(Legend, OfLabelsIsBelowTheirColours) {
  Raster<uint8_t> labels(8, 8, 1, 2);
  const Image image = draw_labels(labels, {}, 16);
  for (int y = 0; y < 16; ++y) EXPECT_TRUE(std::equal(image.at(3, y), image.at(4, y), label_palette()[2].begin()));
  EXPECT_TRUE(has_colour(image, label_palette()[2], 16)) << "and in the legend";
}

TEST(DepthScale, RunsFromNearToFar) {
  InputConfig metres, relative;
  metres.kind = relative.kind = "depth";
  metres.near = 1, metres.far = 9;
  relative.standardise = true;
  Raster<float> depth(3, 1, 1);
  depth.pixels = {1, 3, 9};
  const Image colours = display(metres, depth);
  for (const InputConfig& input : {metres, relative}) {
    const Image image = draw_depth(input, Raster<float>(10, 10, 1, 2), 101);
    for (int column = 0; column < 3; ++column) {
      bool found = false;
      for (int y = 101; y < image.height; ++y)
        found |= std::equal(colours.at(column, 0), colours.at(column, 0) + 3, image.at(50 * column, y));
      EXPECT_TRUE(found) << column << input.standardise;
    }
  }
  EXPECT_NE(draw_depth(metres, Raster<float>(4, 4, 1, 2), 100), draw_depth(relative, Raster<float>(4, 4, 1, 2), 100));
}

}  // namespace
}  // namespace fourm
