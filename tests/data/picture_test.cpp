#include "fourm/data/picture.h"

#include <gtest/gtest.h>

#include <limits>

namespace fourm {
namespace {

const fs::path kFile = fs::path(testing::TempDir()) / "picture_test.png";

TEST(Picture, ColoursThereAndBack) {
  Image image(3, 3, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(9 * i);
  write_png(kFile, image);
  const auto values = read_colour_picture(kFile, 3);
  EXPECT_FLOAT_EQ(values[0], -1);
  EXPECT_FLOAT_EQ(values[9], 9 / 127.5f - 1) << "the second plane is green";
  EXPECT_EQ(to_image(values.data(), 3, 3, 3), image);
  EXPECT_EQ(read_colour_picture(kFile, 2).size(), 12u);
  const float wild[3] = {-7, std::numeric_limits<float>::quiet_NaN(), 7};
  EXPECT_EQ(to_image(wild, 1, 1, 3).pixels, (std::vector<uint8_t>{0, 0, 255}));
}

TEST(Picture, DepthThereAndBack) {
  Raster<uint16_t> depth(2, 2, 1);
  depth.pixels = {0, 1000, 40000, 65535};
  write_png16(kFile, depth);
  const auto values = read_depth_picture(kFile, 2);
  EXPECT_FLOAT_EQ(values[0], -1);
  EXPECT_FLOAT_EQ(values[3], 1);
  EXPECT_EQ(to_depth(values.data(), 2, 2), depth);
  EXPECT_NEAR(read_depth_picture(kFile, 1)[0], (0 + 1000 + 40000 + 65535) / 4 / 32767.5 - 1, 1e-3);
}

TEST(Picture, LabelsAreNotBlended) {
  Raster<uint8_t> labels(4, 4, 1, 2);
  for (int i = 0; i < 8; ++i) labels.pixels[i] = 7;
  write_label_png(kFile, labels, std::vector<Colour>(8));
  EXPECT_EQ(read_label_picture(kFile, 2, 8), (std::vector<int64_t>{7, 7, 2, 2}));
  EXPECT_THROW(read_label_picture(kFile, 2, 7), Error);
}

TEST(Picture, Names) {
  EXPECT_EQ(shown_by("tok_depth@128"), "depth");
  EXPECT_EQ(shown_by("rgb@224"), "rgb");
  EXPECT_EQ(shown_by("semseg"), "semseg");
}

}  // namespace
}  // namespace fourm
