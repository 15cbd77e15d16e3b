#include "fourm/modality/transform.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "fourm/core/rng.h"
#include "fourm/io/npy.h"
#include "fourm/modality/feature_colours.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

InputConfig of_kind(const char* kind) {
  InputConfig config;
  config.kind = kind;
  return config;
}

Image gradient(int width, int height) {
  Image image(width, height, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 7);
  return image;
}

TEST(Transform, RgbReturnsBitEqual) {
  const InputConfig config = of_kind("rgb");
  const StoredImage image = gradient(6, 4);
  std::vector<float> values(3 * 24);
  to_network(config, image, false, values.data());
  EXPECT_EQ(from_network(config, values.data(), 6, 4), image);
  std::vector<float> flipped(3 * 24);
  to_network(config, image, true, flipped.data());
  EXPECT_EQ(flipped[24 + 6 + 0], values[24 + 6 + 5]);  // channel 1, row 1
}

TEST(Transform, FlippedNormalsPointTheOtherWay) {
  Image image(2, 1, 3);
  image.pixels = {255, 128, 128, 128, 255, 128};
  float values[6];
  to_network(of_kind("normal"), image, true, values);
  EXPECT_FLOAT_EQ(values[1], -1);   // x of the left pixel, now on the right
  EXPECT_NEAR(values[2], 1, 1e-6);  // y of the right pixel, now on the left
}

TEST(Transform, LogDepthReturnsWithinHalfAPercent) {
  const InputConfig config = of_kind("depth");
  Raster<float> depth(64, 1, 1);
  for (int i = 0; i < 64; ++i) depth.pixels[i] = 0.5F + 0.18F * static_cast<float>(i);
  float values[64];
  to_network(config, depth, false, values);
  EXPECT_NEAR(values[0], -1, 1e-5);
  EXPECT_GT(values[63], 0.98);
  const auto back = std::get<Raster<float>>(from_network(config, values, 64, 1));
  for (int i = 0; i < 64; ++i) EXPECT_NEAR(back.pixels[i], depth.pixels[i], 1e-3);
}

TEST(Transform, StandardisedDepthHasNoScaleOrOffset) {
  InputConfig config = of_kind("depth");
  config.standardise = true;
  Raster<float> depth(10, 10, 1), scaled(10, 10, 1);
  for (int i = 0; i < 100; ++i) {
    depth.pixels[i] = 1 + 0.2F * static_cast<float>(i * 37 % 100);
    scaled.pixels[i] = 2 * depth.pixels[i] + 0.5F;
  }
  float a[100], b[100], mean = 0;
  to_network(config, depth, false, a);
  to_network(config, scaled, false, b);
  for (int i = 0; i < 100; ++i) {
    EXPECT_NEAR(a[i], b[i], 1e-3);
    mean += a[i] / 100;
  }
  EXPECT_NEAR(mean, 0, 0.02);
}

TEST(Transform, StandardisedDepthIsStoredAsItIs) {
  InputConfig config = of_kind("depth");
  config.standardise = true;
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary.path();
  std::vector<float> metres(100);
  for (int i = 0; i < 100; ++i) metres[i] = 0.5F + 0.9F * static_cast<float>(i * 37 % 100);  // beyond 65.5
  write_npy(folder / "metres.npy", npy_from_floats(metres, {10, 10}));
  const StoredImage image = read_stored_image(config, folder / "metres.npy");
  EXPECT_EQ(std::get<Raster<float>>(image).pixels, metres);
  float values[100], again[100];
  to_network(config, image, false, values);
  const StoredImage stored = from_network(config, values, 10, 10);
  EXPECT_EQ(std::get<Raster<float>>(stored).pixels, std::vector<float>(values, values + 100));
  EXPECT_LT(*std::min_element(values, values + 100), -1);  // negative, in standard deviations
  const NpyArray file = decode_npy(encode_stored_image(config, stored), "the test");
  EXPECT_EQ(file.shape, (std::vector<int64_t>{10, 10}));
  EXPECT_EQ(file.dtype, "f4");
  EXPECT_EQ(stored_suffix(config), "_standardised.npy");
  EXPECT_STREQ(stored_extension(config), ".npy");
  EXPECT_EQ(stored_suffix(of_kind("depth")), ".png");
  to_network(config, decode_stored_image(config, encode_stored_image(config, stored), "the test"), false, again);
  for (int i = 0; i < 100; ++i) EXPECT_NEAR(again[i], values[i], 1e-4);  // nothing is left to standardise
  to_network(config, image, true, again);
  EXPECT_EQ(again[20], values[29]);
  EXPECT_TRUE(known_pixels(config, stored).empty()) << "values below 0 are no holes";
  EXPECT_THROW(standardised_depth(of_kind("depth"), image), Error);
  EXPECT_EQ(width_of(centre_square(config, image, 5)), 5);
  EXPECT_EQ(display(config, stored).width, 10);
}

TEST(Transform, LabelsKeepTheirOffset) {
  InputConfig config = of_kind("semseg");
  config.label_offset = 1;
  Image labels(3, 1, 1);
  labels.pixels = {0, 5, 255};
  int64_t ids[3];
  to_labels(config, labels, false, ids);
  EXPECT_EQ(ids[0], 1);
  EXPECT_EQ(ids[2], 0);  // 255 is "no label"
  EXPECT_EQ(from_labels(config, ids, 3, 1), StoredImage(labels));
}

TEST(Transform, CentreSquareCropsAndResizes) {
  EXPECT_EQ(width_of(centre_square(of_kind("rgb"), gradient(9, 4), 4)), 4);
  const auto tiny = centre_square(of_kind("rgb"), Image(1, 1, 3, 77), 8);
  EXPECT_EQ(std::get<Image>(tiny).pixels, std::vector<uint8_t>(8 * 8 * 3, 77));
  Raster<float> depth(40, 20, 1, 3);
  EXPECT_EQ(std::get<Raster<float>>(centre_square(of_kind("depth"), depth, 8)).pixels, std::vector<float>(64, 3));
}

TEST(Transform, BadDepthAndKindsAreNamed) {
  const test::TemporaryFolder temporary;
  const fs::path file = temporary / "bad_depth.npy";
  for (const float bad : {-4.0F, INFINITY}) {
    write_npy(file, npy_from_floats({1, 2, bad, 4}, {2, 2}));
    try {
      read_stored_image(of_kind("depth"), file);
      FAIL() << bad << " was taken";
    } catch (const Error& e) {
      EXPECT_NE(std::strstr(e.what(), "row 1, column 0"), nullptr) << e.what();
    }
  }
  EXPECT_THROW(of_kind("sound").validate("recipe"), Error);
  std::vector<float> out(64);
  EXPECT_THROW(to_network(of_kind("depth"), gradient(2, 2), false, out.data()), Error);
}

// Older configurations stated the unit, which is now the data set's.
TEST(Transform, AUnitInAConfigIsIgnoredOrRefused) {
  const auto read = [](const std::string& text) {
    InputConfig config;
    read_config(parse_yaml(text, "config.json"), config, "config.json");
    return yaml_text(to_yaml(config));
  };
  const std::string plain = read("{kind: depth}");
  EXPECT_EQ(plain.find("depth_unit"), std::string::npos);
  EXPECT_EQ(read("{kind: depth, depth_unit: 0.001}"), plain);
  EXPECT_EQ(read("{kind: depth, depth_unit: 1.5e-05, standardise: true}"), read("{kind: depth, standardise: true}"));
  EXPECT_NE(test::message_of([&] {
              read("{kind: depth, depth_unit: 0.01}");
            }).find("config.json: input.depth_unit is 0.01; the unit is stated by the data set now"),
            std::string::npos);
}

// A wall at 3 m with holes looks like the wall.
TEST(Transform, UnknownDepthTakesNoPartInResizing) {
  const InputConfig config = of_kind("depth");
  Random random(1);
  Raster<float> wall(48, 40, 1, 3), holes = wall, half = wall;
  for (float& metres : holes.pixels)
    if (random.chance(0.3)) metres = 0;
  for (int y = 0; y < 40; ++y) std::fill_n(half.at(24, y), 24, 0.0F);
  for (const int size : {40, 16, 100}) {
    const auto plain = centre_square(config, wall, size), resized = centre_square(config, holes, size);
    std::vector<float> expected(size * size), values(size * size);
    to_network(config, plain, false, expected.data());
    to_network(config, resized, false, values.data());
    for (size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected[i], 1e-5) << size;
    // A pixel is known where half of its weight is: at the border of the known half.
    const auto bordered = centre_square(config, half, size);
    const KnownPixels known = known_pixels(config, bordered);
    for (int x = 0; x < size; ++x) EXPECT_EQ(known[x] != 0, x < size / 2) << size << " " << x;
  }
  float value = 0;
  to_network(config, Raster<float>(1, 1, 1, 0), false, &value);
  EXPECT_EQ(value, 1);  // nothing is known: far
}

TEST(Transform, StandardisedDepthLeavesHolesOut) {
  InputConfig config = of_kind("depth");
  config.standardise = true;
  Raster<float> depth(10, 10, 1), holes(10, 20, 1, 0);
  for (int i = 0; i < 100; ++i) {
    depth.pixels[i] = 1 + 0.02F * static_cast<float>(i * 37 % 100);
    holes.pixels[i] = depth.pixels[i];  // the lower half is not known
  }
  float plain[100], values[200];
  to_network(config, depth, false, plain);
  to_network(config, holes, false, values);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(values[i], plain[i]);
  for (int i = 100; i < 200; ++i) EXPECT_EQ(values[i], plain[90 + i % 10]);  // the nearest known pixel
}

TEST(Transform, ASingleKnownDepthIsTheMean) {
  InputConfig config = of_kind("depth");
  config.standardise = true;
  Raster<float> depth(8, 8, 1, 0);
  depth.pixels[5] = 3;
  float values[64];
  to_network(config, depth, false, values);
  for (const float value : values) EXPECT_EQ(value, 0);
}

TEST(Transform, AStatedUnitDoesNotChangeStandardisedDepth) {
  InputConfig config = of_kind("depth");
  config.standardise = true;
  std::vector<int64_t> stored;
  for (int64_t i = 0; i < 64; ++i) stored.push_back(20000 + 100 * (i * 37 % 64));
  const std::string integers = encode_npy(npy_from_integers(stored, {8, 8}, "u2"));
  const auto values = [&](double unit) {
    std::vector<float> out(64);
    to_network(config, decode_stored_image(config, integers, "x.npy", unit), false, out.data());
    return out;
  };
  const std::vector<float> expected = values(0.001);
  // The original: stored / 65535, minus the mean, over sqrt(variance + 1e-6) of the middle 80 %.
  std::vector<double> middle;
  for (int64_t k = 6; k < 57; ++k) middle.push_back((20000 + 100.0 * static_cast<double>(k)) / 65535);
  double mean = 0, variance = 0;
  for (const double v : middle) mean += v / static_cast<double>(middle.size());
  for (const double v : middle) variance += (v - mean) * (v - mean) / static_cast<double>(middle.size() - 1);
  for (size_t i = 0; i < 64; ++i)
    EXPECT_NEAR(expected[i], (static_cast<double>(stored[i]) / 65535 - mean) / std::sqrt(variance + 1e-6), 1e-4);
  for (const double unit : {0.01, 0.02, 1.0, 0.0000001}) EXPECT_EQ(values(unit), expected) << unit;
}

TEST(Transform, MasksStayBinaryWhenTheyAreResized) {
  Image mask(50, 50, 1);
  for (int y = 0; y < 50; ++y)
    for (int x = 0; x < 50; ++x) *mask.at(x, y) = (x - 25) * (x - 25) + (y - 25) * (y - 25) < 300 ? 255 : 0;
  for (const int size : {32, 80}) {
    const auto resized = std::get<Image>(centre_square(of_kind("mask"), mask, size));
    ASSERT_EQ(resized.width, size);
    for (const uint8_t value : resized.pixels) EXPECT_TRUE(value == 0 || value == 255) << int{value};
  }
}

TEST(Transform, LabelsAreMirroredAfterResizing) {
  Image labels(8, 8, 1);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) *labels.at(x, y) = static_cast<uint8_t>(x);
  const auto square = std::get<Image>(cut_square(of_kind("semseg"), labels, {0, 0, 8, 8, true}, 4));
  EXPECT_EQ(std::vector<uint8_t>(square.pixels.begin(), square.pixels.begin() + 4), (std::vector<uint8_t>{7, 5, 3, 1}));
}

// A mark of unknown pixels is no standardised depth.
TEST(Transform, NegativeMetresAreRefusedWhereDepthIsStandardised) {
  InputConfig config = of_kind("depth");
  config.standardise = true;
  std::vector<float> metres(64, 3);
  for (int i = 0; i < 64; ++i) metres[i] += 0.05F * static_cast<float>(i);
  metres[9] = -1;
  EXPECT_THROW(decode_stored_image(config, encode_npy(npy_from_floats(metres, {8, 8})), "x"), Error);
}

TEST(Transform, UnknownNormalsAreFilledAndNotTurned) {
  const InputConfig config = of_kind("normal");
  Image normals(12, 12, 3), whole(12, 12, 3);
  for (size_t i = 0; i < normals.area(); ++i) {
    const Colour wall{50, 128, 229}, none = i % 2 ? Colour{0, 0, 0} : Colour{128, 128, 128};
    std::copy(wall.begin(), wall.end(), &whole.pixels[3 * i]);
    std::copy_n(i % 5 == 0 ? none.data() : wall.data(), 3, &normals.pixels[3 * i]);
  }
  const KnownPixels known = known_pixels(config, normals);
  for (size_t i = 0; i < known.size(); ++i) EXPECT_EQ(known[i] != 0, i % 5 != 0);
  EXPECT_TRUE(known_pixels(config, whole).empty());
  for (const bool flip : {false, true})
    for (const int size : {12, 5, 20}) {
      std::vector<float> values(3 * size * size), expected(values.size());
      to_network(config, cut_square(config, normals, {0, 0, 12, 12, flip}, size), flip, values.data());
      to_network(config, cut_square(config, whole, {0, 0, 12, 12, flip}, size), flip, expected.data());
      EXPECT_EQ(values, expected) << size;
    }
}

TEST(Transform, LabelNoneIsReadAsTheNearestLabel) {
  const InputConfig config = of_kind("semseg");
  Image labels(4, 1, 1);
  labels.pixels = {255, 3, 7, 255};
  int64_t ids[4];
  to_labels(config, labels, false, ids);
  EXPECT_EQ(std::vector<int64_t>(ids, ids + 4), (std::vector<int64_t>{3, 3, 7, 7}));
  EXPECT_EQ(known_pixels(config, labels), (KnownPixels{0, 1, 1, 0}));
  labels.pixels.assign(4, 255);
  to_labels(config, labels, false, ids);
  EXPECT_EQ(ids[0], 0);
}

TEST(Transform, DepthIsNoColourImage) {
  const test::TemporaryFolder temporary;
  const fs::path file = temporary / "depth_as_rgb.png";
  write_png16(file, Raster<uint16_t>(4, 4, 1, 3000));
  for (const char* kind : {"rgb", "normal"}) try {
      read_stored_image(of_kind(kind), file);
      FAIL() << kind << " was read from a depth map";
    } catch (const Error& e) {
      EXPECT_NE(std::strstr(e.what(), "looks like a depth map"), nullptr) << e.what();
    }
  EXPECT_NO_THROW(read_stored_image(of_kind("depth"), file));
}

TEST(FeatureColours, PrincipalComponentsAreRedGreenAndBlue) {
  // Positions vary along three directions at right angles, most along the first; the rest of the width is constant. All
  // are far from the origin, so that unit length hardly bends them, and of different lengths, which do not matter.
  Random random(4);
  Raster<float> map(16, 16, 6);
  std::vector<std::array<double, 3>> along(map.area());
  for (size_t i = 0; i < map.area(); ++i) {
    along[i] = {random.uniform(-9, 9), random.uniform(-3, 3), random.uniform(-1, 1)};
    const double row[6] = {along[i][0], 0, 0.6 * along[i][1], 0.8 * along[i][1], 300, along[i][2]};
    const double length = random.uniform(0.1, 10);
    for (int c = 0; c < 6; ++c) map.pixels[6 * i + c] = static_cast<float>(length * row[c]);
  }
  const FeatureColours colours(map);
  const Image image = colours(map);
  for (int c = 0; c < 3; ++c) {
    double low = 1e9, high = -1e9;
    for (const auto& a : along) low = std::min(low, a[c]), high = std::max(high, a[c]);
    for (size_t i = 0; i < map.area(); ++i)  // chance correlations of 256 draws turn the axes a little
      EXPECT_NEAR(image.pixels[3 * i + c], 255 * (along[i][c] - low) / (high - low), 40) << c << " " << i;
  }
  // Another map is shown by the axes of the first.
  Raster<float> other(1, 1, 6);
  for (int c = 0; c < 6; ++c) other.pixels[c] = 3 * map.pixels[6 * 37 + c];
  const Image one = colours(other);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(one.pixels[c], image.pixels[3 * 37 + c], 1);
  EXPECT_THROW(colours(Raster<float>(1, 1, 5)), Error);
  EXPECT_NO_THROW(FeatureColours(Raster<float>(2, 2, 1, 3))(Raster<float>(2, 2, 1, 3)));  // nothing varies
}

TEST(Transform, FeaturesAreKeptAsTheyAre) {
  InputConfig config = of_kind("features");
  config.features = 2;
  config.validate("test");
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary.path();
  write_npy(folder / "map.npy", npy_from_floats({1, 2, 3, 4, 5, 6}, {2, 1, 3}));
  const StoredImage map = read_stored_image(config, folder / "map.npy");
  EXPECT_EQ(std::get<Raster<float>>(map).pixels, (std::vector<float>{1, 4, 2, 5, 3, 6}));  // a vector a position
  std::vector<float> out(6);
  to_network(config, map, true, out.data());
  EXPECT_EQ(out, (std::vector<float>{3, 2, 1, 6, 5, 4}));
  to_network(config, map, false, out.data());
  EXPECT_EQ(from_network(config, out.data(), 3, 1), map);
  EXPECT_EQ(centre_square(config, map, 224), map);
  EXPECT_EQ(npy_floats(decode_npy(encode_stored_image(config, map), "map")), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(width_of(display(config, map)), 3);

  write_npy(folder / "vector.npy", npy_from_floats({7, 8}, {2}));  // of a whole image
  EXPECT_EQ(width_of(read_stored_image(config, folder / "vector.npy")), 1);
  for (const NpyArray& bad :
       {npy_from_floats({1, 2, 3}, {3}), npy_from_floats({1, 2, 3, 4}, {2, 2}), npy_from_floats({1, INFINITY}, {2})}) {
    write_npy(folder / "bad.npy", bad);
    EXPECT_THROW(read_stored_image(config, folder / "bad.npy"), Error);
  }
}

TEST(Transform, MasksAreZeroAndOneGreyIsSigned) {
  Image rgb(2, 1, 3);
  rgb.pixels = {20, 20, 20, 255, 255, 255};
  const test::TemporaryFolder temporary;
  const fs::path file = temporary / "mask.png";
  write_png(file, rgb);
  const StoredImage mask = read_stored_image(of_kind("mask"), file), grey = read_stored_image(of_kind("grey"), file);
  float out[2];
  to_network(of_kind("mask"), mask, false, out);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(out[1], 1);
  const float logits[2] = {-0.1F, 0.1F};
  EXPECT_EQ(from_network(of_kind("mask"), logits, 2, 1), mask);
  to_network(of_kind("grey"), grey, false, out);
  EXPECT_NEAR(out[0], 20 / 127.5 - 1, 1e-6);
  EXPECT_EQ(from_network(of_kind("grey"), out, 2, 1), grey);
  EXPECT_EQ(display(of_kind("grey"), grey).pixels, rgb.pixels);
}

TEST(Transform, PaletteColoursAreDistinct) {
  auto colours = label_palette();
  EXPECT_EQ(colours[0], (Colour{0, 0, 0}));
  std::sort(colours.begin(), colours.end());
  EXPECT_EQ(std::unique(colours.begin(), colours.end()), colours.end());
}

}  // namespace
}  // namespace fourm
