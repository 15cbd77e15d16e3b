// Images: what is written comes back, every kind of file is read as it should look, and broken ones are refused.
#include "fourm/io/image.h"

#include <gtest/gtest.h>
#include <png.h>
#include <webp/encode.h>

#include <cstring>

#include "fourm/core/rng.h"
#include "fourm/io/image_resize.h"
#include "tests/support/jpeg.h"

namespace fourm {
namespace {

Image noise(int width, int height, int channels) {
  Image image(width, height, channels);
  Random random(7);
  for (auto& p : image.pixels) p = static_cast<uint8_t>(random.below(256));
  return image;
}

// Any colour type, straight from libpng; rows are packed as the file has them.
std::string png_bytes(int width, int height, int depth, int colour, std::vector<std::vector<uint8_t>> rows,
                      std::vector<png_color> palette = {}, std::vector<uint8_t> alpha = {}, bool interlaced = false) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t n) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), n);
      },
      nullptr);
  png_set_IHDR(png, info, width, height, depth, colour, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  if (!alpha.empty()) png_set_tRNS(png, info, alpha.data(), static_cast<int>(alpha.size()), nullptr);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

std::string jpeg_bytes(const Image& image, J_COLOR_SPACE space, bool adobe = false) {
  return test::encode_jpeg(image, space, [&](jpeg_compress_struct& info) {
    jpeg_set_quality(&info, 100, TRUE);
    info.write_Adobe_marker = adobe;
  });
}

std::array<int, 3> first_pixel(const std::string& bytes) {
  const Image image = decode_image(bytes, "test");
  return {image.pixels[0], image.pixels[1], image.pixels[2]};
}
using Rgb = std::array<int, 3>;

TEST(Png, RoundTrips) {
  for (const auto& [w, h] : {std::pair{1, 1}, {1, 9}, {17, 5}}) {
    EXPECT_EQ(decode_image(encode_png(noise(w, h, 3)), "test"), noise(w, h, 3));
    EXPECT_EQ(decode_image_rgba(encode_png(noise(w, h, 4)), "test"), noise(w, h, 4));
    Raster<uint16_t> deep(w, h, 1);
    for (size_t i = 0; i < deep.area(); ++i) deep.pixels[i] = static_cast<uint16_t>(40503 * (i + 1));
    EXPECT_EQ(decode_png16(encode_png16(deep), "test"), deep);
    Raster<uint8_t> labels(w, h, 1);
    for (size_t i = 0; i < labels.area(); ++i) labels.pixels[i] = static_cast<uint8_t>(i % 3);
    EXPECT_EQ(decode_labels(encode_label_png(labels, {{9, 8, 7}, {200, 0, 0}, {0, 0, 255}}), "test"), labels);
  }
}

TEST(Png, EveryColourTypeBecomesRgb) {
  EXPECT_EQ(first_pixel(png_bytes(1, 1, 8, PNG_COLOR_TYPE_GRAY, {{77}})), (Rgb{77, 77, 77}));
  EXPECT_EQ(first_pixel(png_bytes(2, 1, 1, PNG_COLOR_TYPE_GRAY, {{0x80}})), (Rgb{255, 255, 255}));
  EXPECT_EQ(first_pixel(png_bytes(1, 1, 16, PNG_COLOR_TYPE_GRAY, {{0x80, 0x80}})), (Rgb{128, 128, 128}));
  EXPECT_EQ(first_pixel(png_bytes(1, 1, 16, PNG_COLOR_TYPE_RGB, {{255, 255, 0, 0, 0x40, 0x40}})), (Rgb{255, 0, 64}));
  EXPECT_EQ(first_pixel(png_bytes(1, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, {{100, 0, 0, 51}})), (Rgb{224, 204, 204}));
  EXPECT_EQ(first_pixel(png_bytes(1, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {{0, 0}})), (Rgb{255, 255, 255}));
  EXPECT_EQ(first_pixel(png_bytes(1, 1, 8, PNG_COLOR_TYPE_PALETTE, {{1}}, {{0, 0, 0}, {5, 6, 7}})), (Rgb{5, 6, 7}));
  EXPECT_EQ(first_pixel(png_bytes(1, 1, 4, PNG_COLOR_TYPE_PALETTE, {{0x10}}, {{0, 0, 0}, {5, 6, 7}}, {255, 0})),
            (Rgb{255, 255, 255}));
}

TEST(Png, TransparentNormalsAreUnknown) {
  Image normals(3, 1, 4);
  const std::vector<uint8_t> pixels{50, 128, 229, 255, 50, 128, 229, 128, 50, 128, 229, 127};
  normals.pixels = pixels;
  EXPECT_EQ(decode_normals(encode_png(normals), "x").pixels,
            (std::vector<uint8_t>{50, 128, 229, 50, 128, 229, 0, 0, 0}));
}

TEST(Png, InterlacedIsReadWhole) {
  std::vector<std::vector<uint8_t>> rows;
  const Image image = noise(11, 13, 3);
  for (int y = 0; y < 13; ++y) rows.emplace_back(image.at(0, y), image.at(0, y) + 33);
  EXPECT_EQ(decode_image(png_bytes(11, 13, 8, PNG_COLOR_TYPE_RGB, rows, {}, {}, true), "test"), image);
}

TEST(Png, LabelsAreIndicesNotColours) {
  EXPECT_EQ(decode_labels(png_bytes(2, 1, 4, PNG_COLOR_TYPE_PALETTE, {{0x21}}, {{9, 9, 9}, {8, 8, 8}, {7, 7, 7}}), "x")
                .pixels,
            (std::vector<uint8_t>{2, 1}));
  EXPECT_EQ(decode_labels(png_bytes(2, 1, 8, PNG_COLOR_TYPE_GRAY, {{200, 3}}), "x").pixels,
            (std::vector<uint8_t>{200, 3}));
  EXPECT_EQ(decode_labels(png_bytes(2, 1, 2, PNG_COLOR_TYPE_GRAY, {{0x60}}), "x").pixels, (std::vector<uint8_t>{1, 2}));
  EXPECT_THROW(decode_labels(encode_png(noise(2, 2, 3)), "x"), Error);
  EXPECT_THROW(encode_label_png(Raster<uint8_t>(1, 1, 1, 3), {{0, 0, 0}}), Error);
  EXPECT_THROW(decode_labels(png_bytes(1, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {{2, 255}}), "x"), Error);
}

TEST(Png, SixteenBitReaderKeepsEightBitValues) {
  EXPECT_EQ(decode_png16(png_bytes(2, 1, 8, PNG_COLOR_TYPE_GRAY, {{200, 3}}), "x").pixels,
            (std::vector<uint16_t>{200, 3}));
  EXPECT_THROW(decode_png16(encode_png(noise(2, 2, 3)), "x"), Error);
}

TEST(Png, TextIsStored) {
  const std::string bytes = encode_png(noise(2, 2, 3), {{"prompt", "a red chair"}});
  EXPECT_NE(bytes.find(std::string("tEXtprompt\0a red chair", 22)), std::string::npos);
  EXPECT_THROW(encode_png(noise(2, 2, 3), {{"", "x"}}), Error);
}

TEST(Jpeg, ColoursAreNear) {
  Image red(16, 16, 3);
  for (size_t i = 0; i < red.area(); ++i) red.pixels[3 * i] = 200;
  const auto [r, g, b] = first_pixel(jpeg_bytes(red, JCS_RGB));
  EXPECT_NEAR(r, 200, 3);
  EXPECT_NEAR(g, 0, 3);
  EXPECT_NEAR(b, 0, 3);
  const auto grey = first_pixel(jpeg_bytes(Image(9, 9, 1, 90), JCS_GRAYSCALE));
  EXPECT_EQ(grey, (Rgb{90, 90, 90}));
}

TEST(Jpeg, CmykWithAndWithoutAdobe) {
  Image ink(8, 8, 4);  // pure cyan: red is absorbed
  for (size_t i = 0; i < ink.area(); ++i) ink.pixels[4 * i] = 255;
  const auto [r, g, b] = first_pixel(jpeg_bytes(ink, JCS_CMYK));
  EXPECT_NEAR(r, 0, 3);
  EXPECT_NEAR(g, 255, 3);
  EXPECT_NEAR(b, 255, 3);
  for (auto& p : ink.pixels) p = 255 - p;  // Adobe stores it inverted
  const auto [r2, g2, b2] = first_pixel(jpeg_bytes(ink, JCS_CMYK, true));
  EXPECT_NEAR(r2, 0, 3);
  EXPECT_NEAR(g2, 255, 3);
  EXPECT_NEAR(b2, 255, 3);
}

TEST(Webp, LosslessWithAlpha) {
  const Image image = noise(6, 4, 4);
  uint8_t* data = nullptr;
  const size_t size = WebPEncodeLosslessRGBA(image.pixels.data(), 6, 4, 24, &data);
  const std::string bytes(reinterpret_cast<char*>(data), size);
  WebPFree(data);
  const Image back = decode_image_rgba(bytes, "test");
  for (size_t i = 0; i < image.area(); ++i) {
    EXPECT_EQ(back.pixels[4 * i + 3], image.pixels[4 * i + 3]);
    if (image.pixels[4 * i + 3] > 0) {
      EXPECT_EQ(back.pixels[4 * i], image.pixels[4 * i]);
    }
  }
  for (size_t cut = 0; cut < bytes.size(); cut += 7) EXPECT_THROW(decode_image(bytes.substr(0, cut), "x"), Error);
}

TEST(Broken, CutFilesAreRefused) {
  const std::string png = encode_png(noise(20, 20, 3)), jpeg = jpeg_bytes(noise(40, 40, 3), JCS_RGB);
  for (size_t cut = 0; cut < png.size(); cut += 13) EXPECT_THROW(decode_image(png.substr(0, cut), "x"), Error) << cut;
  for (size_t cut = 0; cut + 2 < jpeg.size(); cut += 13)
    EXPECT_THROW(decode_image(jpeg.substr(0, cut), "x"), Error) << cut;
}

TEST(Broken, FlippedBytesNeverCrash) {
  Random random(3);
  for (const std::string& valid : {encode_png(noise(20, 20, 3)), jpeg_bytes(noise(40, 40, 3), JCS_RGB)})
    for (int i = 0; i < 400; ++i) {
      std::string bytes = valid;
      for (int k = 0; k < 3; ++k)
        bytes[static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())))] = static_cast<char>(random.bits());
      try {
        const Image image = decode_image(bytes, "x");
        EXPECT_EQ(image.pixels.size(), image.area() * 3);
      } catch (const Error&) {
      }
    }
}

TEST(Broken, HugeSizesAreRefusedBeforeAllocation) {
  std::string png = png_bytes(1, 1, 8, PNG_COLOR_TYPE_GRAY, {{1}});
  const uint8_t size[8] = {0, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0xFF};
  std::memcpy(&png[16], size, 8);
  EXPECT_THROW(decode_image(png, "x"), Error);  // the checksum is wrong too; either way it is one Error
  std::string jpeg = jpeg_bytes(noise(8, 8, 3), JCS_RGB);
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  std::memcpy(&jpeg[frame + 5], "\xff\xdc\xff\xdc", 4);  // 65500 x 65500
  try {
    decode_image(jpeg, "big.jpg");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("65500x65500"), std::string::npos) << error.what();
  }
}

TEST(Broken, MessagesNameTheFile) {
  try {
    decode_image("hello", "photo.tiff");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("photo.tiff"), std::string::npos);
  }
}

TEST(Resize, BilinearMatchesTheClosedForm) {
  Image row(4, 1, 1);
  row.pixels = {0, 100, 200, 40};
  // Shrinking by two widens the triangle: weights 0.75, 0.75, 0.25 over 1.75.
  EXPECT_EQ(resize_bilinear(row, 2, 1).pixels, (std::vector<uint8_t>{71, 117}));
  Image two(2, 1, 1);
  two.pixels = {0, 100};
  EXPECT_EQ(resize_bilinear(two, 4, 1).pixels, (std::vector<uint8_t>{0, 25, 75, 100}));
  EXPECT_EQ(resize_bilinear(noise(5, 7, 3), 5, 7), noise(5, 7, 3));
  EXPECT_EQ(resize_bilinear(Image(50, 40, 3, 9), 7, 90), Image(7, 90, 3, 9));
  EXPECT_THROW(resize_bilinear(Image(), 2, 2), Error);
}

TEST(Resize, NearestTakesThePixelUnderTheCentre) {
  Raster<uint8_t> row(4, 1, 1);
  row.pixels = {1, 2, 3, 4};
  EXPECT_EQ(resize_nearest(row, 2, 1).pixels, (std::vector<uint8_t>{2, 4}));
  EXPECT_EQ(resize_nearest(row, 8, 1).pixels, (std::vector<uint8_t>{1, 1, 2, 2, 3, 3, 4, 4}));
}

TEST(Crop, TakesTheRectangle) {
  const Image image = noise(9, 8, 3), part = crop(image, 2, 3, 4, 5);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 4; ++x) EXPECT_EQ(std::memcmp(part.at(x, y), image.at(x + 2, y + 3), 3), 0);
  EXPECT_THROW(crop(image, 6, 0, 4, 1), Error);
  EXPECT_THROW(crop(image, -1, 0, 2, 1), Error);
}

TEST(Base64, StandardVectors) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace fourm
