// EXIF orientation and ICC profiles. Expected values are those of Pillow 13 (ImageOps.exif_transpose and ImageCms).
#include "fourm/io/image_metadata.h"

#include <gtest/gtest.h>
#include <lcms2.h>
#include <png.h>
#include <webp/encode.h>

#include <cstring>

#include "fourm/io/image_resize.h"
#include "tests/support/jpeg.h"

namespace fourm {
namespace {

// EXIF data with one entry, as Pillow writes them ("MM") or in the other byte order.
std::string exif(int orientation, bool little = false, int type = 3) {
  std::string out = little ? std::string("II*\0\x08\0\0\0\x01\0", 10) : std::string("MM\0*\0\0\0\x08\0\x01", 10);
  const auto number = [&](int64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * (little ? i : bytes - 1 - i));
  };
  number(0x0112, 2);
  number(type, 2);
  number(1, 4);
  number(orientation, type == 3 ? 2 : 4);
  number(0, type == 3 ? 6 : 4);
  return out;
}

struct Extra {
  std::string exif, profile;
  bool exif_behind = false;  // behind the pixels
};

std::string png(const std::vector<std::vector<uint8_t>>& rows, int depth, int colour, const Extra& extra,
                bool palette = false) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png), end = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t n) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), n);
      },
      nullptr);
  const int values = colour == PNG_COLOR_TYPE_RGB ? 3 : colour == PNG_COLOR_TYPE_RGB_ALPHA ? 4 : 1;
  png_set_IHDR(png, info, static_cast<png_uint_32>(rows[0].size()) * 8 / depth / values,
               static_cast<png_uint_32>(rows.size()), depth, colour, PNG_INTERLACE_NONE, 0, 0);
  std::vector<png_color> colours(palette ? 256 : 0);
  if (palette) png_set_PLTE(png, info, colours.data(), 256);
  auto* bytes = reinterpret_cast<png_bytep>(const_cast<char*>(extra.exif.data()));
  if (!extra.exif.empty())
    png_set_eXIf_1(png, extra.exif_behind ? end : info, static_cast<png_uint_32>(extra.exif.size()), bytes);
  if (!extra.profile.empty())
    png_set_iCCP(png, info, "profile", 0, reinterpret_cast<png_const_bytep>(extra.profile.data()),
                 static_cast<png_uint_32>(extra.profile.size()));
  png_write_info(png, info);
  for (const auto& row : rows) png_write_row(png, row.data());
  png_write_end(png, end);
  png_destroy_info_struct(png, &end);
  png_destroy_write_struct(&png, &info);
  return out;
}

std::string jpeg(const Image& image, J_COLOR_SPACE space, const Extra& extra, bool ycck = false) {
  const auto configure = [&](jpeg_compress_struct& info) {
    if (ycck) jpeg_set_colorspace(&info, JCS_YCCK);
    jpeg_set_quality(&info, 100, TRUE);
    for (int c = 0; c < info.num_components; ++c) info.comp_info[c].h_samp_factor = info.comp_info[c].v_samp_factor = 1;
  };
  const auto write_markers = [&](jpeg_compress_struct& info) {
    if (!extra.exif.empty()) {
      const std::string xmp = std::string("http://ns.adobe.com/xap/1.0/\0<x/>", 34),
                        marker = std::string("Exif\0\0", 6) + extra.exif;
      jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(xmp.data()),
                        static_cast<unsigned>(xmp.size()));
      jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(marker.data()),
                        static_cast<unsigned>(marker.size()));
    }
    if (!extra.profile.empty())
      jpeg_write_icc_profile(&info, reinterpret_cast<const JOCTET*>(extra.profile.data()),
                             static_cast<unsigned>(extra.profile.size()));
  };
  return test::encode_jpeg(image, space, configure, write_markers);
}

std::string little_endian(size_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i);
  return out;
}

std::string riff_chunk(const std::string& name, const std::string& body) {
  return name + little_endian(body.size(), 4) + body + std::string(body.size() % 2, '\0');
}

// The VP8L chunk of a lossless image.
std::string webp_pixels(const Image& rgb) {
  uint8_t* data = nullptr;
  const size_t n = WebPEncodeLosslessRGB(rgb.pixels.data(), rgb.width, rgb.height, 3 * rgb.width, &data);
  std::string file(reinterpret_cast<char*>(data), n);
  WebPFree(data);
  return file.substr(12);
}

std::string webp(const Image& rgb, const Extra& extra) {
  const int flags = (extra.exif.empty() ? 0 : 8) | (extra.profile.empty() ? 0 : 32);
  std::string body = riff_chunk("VP8X", little_endian(static_cast<size_t>(flags), 4) + little_endian(rgb.width - 1, 3) +
                                            little_endian(rgb.height - 1, 3));
  if (!extra.profile.empty()) body += riff_chunk("ICCP", extra.profile);
  body += webp_pixels(rgb);
  if (!extra.exif.empty()) body += riff_chunk("EXIF", extra.exif);
  return riff_chunk("RIFF", "WEBP" + body);
}

std::string saved(cmsHPROFILE profile) {
  cmsUInt32Number size = 0;
  cmsSaveProfileToMem(profile, nullptr, &size);
  std::string bytes(size, '\0');
  cmsSaveProfileToMem(profile, bytes.data(), &size);
  cmsCloseProfile(profile);
  return bytes;
}

constexpr cmsCIExyY kD65{0.3127, 0.3290, 1};

std::string display_p3() {
  const cmsCIExyYTRIPLE primaries{{0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}};
  const double curve[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  cmsToneCurve* tone = cmsBuildParametricToneCurve(nullptr, 4, curve);
  cmsToneCurve* curves[3] = {tone, tone, tone};
  const std::string bytes = saved(cmsCreateRGBProfile(&kD65, &primaries, curves));
  cmsFreeToneCurve(tone);
  return bytes;
}

std::string linear_grey() {
  cmsToneCurve* tone = cmsBuildGamma(nullptr, 1);
  const std::string bytes = saved(cmsCreateGrayProfile(&kD65, tone));
  cmsFreeToneCurve(tone);
  return bytes;
}

Image rgb_of(const std::vector<std::array<uint8_t, 3>>& pixels) {
  Image image(static_cast<int>(pixels.size()), 1, 3);
  for (size_t i = 0; i < pixels.size(); ++i)
    std::copy(pixels[i].begin(), pixels[i].end(), image.at(static_cast<int>(i), 0));
  return image;
}

// What Pillow makes of the 3 x 2 values 10 20 30 / 40 50 60.
struct Turned {
  int width, height;
  std::vector<uint8_t> values;
};
const std::vector<Turned> kTurned{{3, 2, {10, 20, 30, 40, 50, 60}}, {3, 2, {30, 20, 10, 60, 50, 40}},
                                  {3, 2, {60, 50, 40, 30, 20, 10}}, {3, 2, {40, 50, 60, 10, 20, 30}},
                                  {2, 3, {10, 40, 20, 50, 30, 60}}, {2, 3, {40, 10, 50, 20, 60, 30}},
                                  {2, 3, {60, 30, 50, 20, 40, 10}}, {2, 3, {30, 60, 20, 50, 10, 40}}};

template <class T>
void expect_turned(const Raster<T>& image, int orientation, const char* what) {
  const Turned& expected = kTurned[orientation - 1];
  ASSERT_EQ(image.width, expected.width) << what << " " << orientation;
  ASSERT_EQ(image.height, expected.height) << what << " " << orientation;
  for (size_t i = 0; i < image.area(); ++i)
    EXPECT_EQ(image.pixels[i * image.channels], expected.values[i]) << what << " " << orientation << " pixel " << i;
}

// The image, whose size the header states too.
Image decoded(const std::string& bytes) {
  Image image = decode_image(bytes, "x");
  EXPECT_EQ(decode_image_size(bytes, "x"), (ImageSize{image.width, image.height}));
  return image;
}

TEST(Orientation, AllEightOfEveryReader) {
  const std::vector<std::vector<uint8_t>> rows{{10, 20, 30}, {40, 50, 60}};
  std::vector<std::vector<uint8_t>> deep, colour;
  Image rgb(3, 2, 3), blocks(48, 32, 3);
  for (size_t y = 0; y < 2; ++y) {
    deep.emplace_back();
    colour.emplace_back();
    for (const uint8_t v : rows[y]) {
      deep.back().insert(deep.back().end(), {0, v});
      colour.back().insert(colour.back().end(), {v, 7, 8});
    }
    for (size_t x = 0; x < 3; ++x) rgb.at(static_cast<int>(x), static_cast<int>(y))[0] = rows[y][x];
  }
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 48; ++x) std::fill_n(blocks.at(x, y), 3, rows[y / 16][x / 16]);
  for (int o = 1; o <= 8; ++o)
    for (const bool little : {false, true}) {
      const Extra extra{exif(o, little), ""};
      expect_turned(decoded(png(colour, 8, PNG_COLOR_TYPE_RGB, extra)), o, "PNG");
      expect_turned(decoded(png(colour, 8, PNG_COLOR_TYPE_RGB, {extra.exif, "", true})), o, "PNG, EXIF last");
      expect_turned(decode_image_rgba(png(rows, 8, PNG_COLOR_TYPE_GRAY, extra), "x"), o, "RGBA");
      expect_turned(decode_png16(png(rows, 8, PNG_COLOR_TYPE_GRAY, extra), "x"), o, "8-bit map");
      expect_turned(decode_png16(png(deep, 16, PNG_COLOR_TYPE_GRAY, extra), "x"), o, "16-bit map");
      expect_turned(decode_labels(png(rows, 8, PNG_COLOR_TYPE_GRAY, extra), "x"), o, "labels");
      expect_turned(decode_labels(png(rows, 8, PNG_COLOR_TYPE_PALETTE, extra, true), "x"), o, "palette labels");
      expect_turned(decoded(webp(rgb, extra)), o, "WebP");
      expect_turned(decoded(webp(rgb, {std::string("Exif\0\0", 6) + extra.exif, ""})), o, "WebP with prefix");
      const Image turned = decoded(jpeg(blocks, JCS_RGB, extra));
      expect_turned(resize_nearest(turned, turned.width / 16, turned.height / 16), o, "JPEG");
      if (o == 1)
        EXPECT_EQ(decode_normals(png(colour, 8, PNG_COLOR_TYPE_RGB, extra), "x").pixels[0], 10);
      else
        EXPECT_THROW(decode_normals(png(colour, 8, PNG_COLOR_TYPE_RGB, extra), "x"), Error);
    }
}

TEST(Orientation, BrokenDataMeanUpright) {
  EXPECT_EQ(exif_orientation(exif(6)), 6);
  EXPECT_EQ(exif_orientation(exif(6, true, 4)), 6);
  EXPECT_EQ(exif_orientation(std::string("Exif\0\0", 6) + exif(8)), 8);
  for (const int value : {0, 9, 255, 65535}) EXPECT_EQ(exif_orientation(exif(value)), 1) << value;
  for (const bool little : {false, true})
    for (size_t n = 0; n < 22; ++n) EXPECT_EQ(exif_orientation(exif(6, little).substr(0, n)), 1) << n;
  EXPECT_EQ(exif_orientation(""), 1);
  EXPECT_EQ(exif_orientation(std::string(1000, '\xff')), 1);
  std::string far = exif(6);  // a directory beyond the end, at the end of the address space, in itself
  for (const char* offset : {"\xff\xff\xff\xff", "\x7f\xff\xff\xff", "\0\0\0\x16"}) {
    std::copy_n(offset, 4, far.begin() + 4);
    EXPECT_EQ(exif_orientation(far), 1);
  }
  std::string many = exif(6);  // claims 65535 entries, of which the first is there
  many[8] = many[9] = '\xff';
  EXPECT_EQ(exif_orientation(many), 6);
  many[11] = 0;  // another tag
  EXPECT_EQ(exif_orientation(many), 1);
  std::string two = exif(6);
  two[17] = 2;  // two values
  EXPECT_EQ(exif_orientation(two), 1);
}

TEST(Profile, ColoursBecomeSrgb) {
  const Image stored = rgb_of({{200, 100, 50}, {30, 160, 90}, {128, 128, 128}, {255, 255, 255}, {10, 20, 200}});
  const Image expected = rgb_of({{215, 93, 31}, {0, 163, 82}, {128, 128, 128}, {255, 255, 255}, {7, 20, 208}});
  const Extra p3{"", display_p3()};
  const auto near = [&](const Image& got, const Image& want, int tolerance, const char* what) {
    ASSERT_EQ(got.pixels.size(), want.pixels.size()) << what;
    for (size_t i = 0; i < got.pixels.size(); ++i)
      EXPECT_NEAR(got.pixels[i], want.pixels[i], tolerance) << what << " " << i;
  };
  const std::vector<std::vector<uint8_t>> rows{stored.pixels};
  near(decode_image(png(rows, 8, PNG_COLOR_TYPE_RGB, p3), "x"), expected, 1, "PNG");
  near(decode_image(webp(stored, p3), "x"), expected, 1, "WebP");
  Image wide(16, 16, 3);
  for (size_t i = 0; i < wide.area(); ++i) std::copy_n(stored.pixels.begin(), 3, &wide.pixels[3 * i]);
  near(crop(decode_image(jpeg(wide, JCS_RGB, p3), "x"), 0, 0, 1, 1), crop(expected, 0, 0, 1, 1), 4, "JPEG");
  near(decode_normals(png(rows, 8, PNG_COLOR_TYPE_RGB, p3), "x"), stored, 0, "a normal map");
  const std::vector<uint8_t> clear{200, 100, 50, 77};
  const Image rgba = decode_image_rgba(png({clear}, 8, PNG_COLOR_TYPE_RGB_ALPHA, p3), "x");
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(rgba.pixels[c], expected.pixels[c], 1);
  EXPECT_EQ(rgba.pixels[3], 77);

  const std::vector<uint8_t> greys{0, 10, 64, 128, 255};
  const Image grey = decode_image(png({greys}, 8, PNG_COLOR_TYPE_GRAY, {"", linear_grey()}), "x");
  const std::vector<int> levels{0, 55, 137, 188, 255};
  for (size_t i = 0; i < 15; ++i) EXPECT_NEAR(grey.pixels[i], levels[i / 3], 1) << i;
}

TEST(Profile, SrgbAndBrokenProfilesChangeNothing) {
  Image all(4096, 1, 3);
  for (size_t i = 0; i < all.pixels.size(); ++i) all.pixels[i] = static_cast<uint8_t>(i * 2654435761U >> 13);
  const std::vector<std::vector<uint8_t>> rows{all.pixels};
  const std::string srgb = saved(cmsCreate_sRGBProfile()), p3 = display_p3();
  EXPECT_EQ(decode_image(png(rows, 8, PNG_COLOR_TYPE_RGB, {"", srgb}), "x"), all);
  Image rgba(1, 1, 4, 9);
  for (size_t n = 0; n < p3.size(); n += 7) to_srgb(rgba, PixelLayout::kRgba, p3.substr(0, n));  // no crash
  const Image before = rgba;
  EXPECT_FALSE(to_srgb(rgba, PixelLayout::kRgba, "no profile"));
  EXPECT_FALSE(to_srgb(rgba, PixelLayout::kCmyk, p3));
  EXPECT_FALSE(to_srgb(rgba, PixelLayout::kRgba, linear_grey()));
  EXPECT_EQ(rgba, before);
}

// Pillow: 207 46 190, 255 255 255, 0 82 165.
TEST(Cmyk, InksLetLightThrough) {
  const std::vector<std::array<uint8_t, 4>> inks{{10, 200, 30, 40}, {0, 0, 0, 0}, {255, 128, 0, 90}};
  const std::vector<std::array<int, 3>> expected{{207, 46, 190}, {255, 255, 255}, {0, 82, 165}};
  for (size_t k = 0; k < inks.size(); ++k)
    for (const bool ycck : {false, true}) {
      Image adobe(8, 8, 4);  // Adobe's way: 255 is no ink
      for (size_t i = 0; i < adobe.pixels.size(); ++i) adobe.pixels[i] = static_cast<uint8_t>(255 - inks[k][i % 4]);
      const Image rgb = decode_image(jpeg(adobe, JCS_CMYK, {}, ycck), "x");
      for (int c = 0; c < 3; ++c) EXPECT_NEAR(rgb.pixels[c], expected[k][c], 3) << k << (ycck ? " YCCK" : " CMYK");
    }
}

TEST(Animation, TheFirstFrameIsRead) {
  Image first(4, 2, 3, 60), second(4, 2, 3, 200);
  const auto frame = [](const Image& image) {
    return riff_chunk("ANMF", little_endian(0, 6) + little_endian(image.width - 1, 3) +
                                  little_endian(image.height - 1, 3) + little_endian(100, 3) + little_endian(0, 1) +
                                  webp_pixels(image));
  };
  const std::string file =
      riff_chunk("RIFF", "WEBP" + riff_chunk("VP8X", little_endian(2, 4) + little_endian(3, 3) + little_endian(1, 3)) +
                             riff_chunk("ANIM", little_endian(0xFFFFFFFF, 4) + little_endian(0, 2)) + frame(first) +
                             frame(second));
  EXPECT_EQ(decode_image(file, "x"), first);
  for (size_t n = 12; n < file.size() - 60; n += 5) EXPECT_THROW(decode_image(file.substr(0, n), "x"), Error) << n;
}

}  // namespace
}  // namespace fourm
