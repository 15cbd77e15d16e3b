// Bicubic resizing against values of Pillow, which tests/io/pillow_resize.py prints.
#include "fourm/io/image_resize.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

struct Resized {
  int width, height, to_width, to_height;
  std::vector<uint8_t> pixels;
};

const std::vector<Resized> kByPillow{
    {7, 5, 3, 4, {84,  64, 123, 116, 125, 106, 81,  105, 117, 94,  97,  136, 105, 142, 123, 128, 93,  114,
                  136, 49, 132, 84,  95,  51,  182, 185, 118, 106, 129, 62,  132, 123, 48,  138, 166, 183}},
    {5, 4, 9, 7, {0,   52,  174, 12,  44,  145, 60,  35,  91,  134, 62,  68,  193, 109, 66,  152, 177, 76,  99,
                  200, 101, 72,  115, 148, 59,  64,  174, 10,  29,  119, 29,  59,  122, 77,  115, 125, 148, 101,
                  112, 202, 75,  98,  150, 126, 103, 86,  164, 123, 54,  136, 164, 40,  117, 187, 49,  0,   25,
                  66,  87,  82,  102, 239, 182, 163, 161, 183, 207, 21,  148, 148, 42,  143, 74,  104, 154, 32,
                  172, 185, 11,  207, 202, 173, 56,  2,   139, 99,  70,  68,  170, 188, 91,  112, 180, 144, 23,
                  124, 154, 39,  110, 137, 93,  113, 83,  180, 135, 53,  226, 147, 252, 116, 28,  180, 95,  75,
                  29,  58,  155, 21,  53,  145, 81,  69,  100, 159, 88,  79,  199, 119, 72,  133, 168, 84,  94,
                  193, 92,  121, 95,  125, 94,  62,  101, 39,  13,  61,  44,  77,  96,  84,  179, 148, 154, 203,
                  126, 184, 197, 100, 109, 127, 102, 64,  87,  104, 36,  77,  182, 38,  42,  116, 47,  0,   7,
                  64,  95,  69,  90,  241, 178, 150, 255, 157, 170, 241, 121, 90,  103, 116, 42,  25,  116}},
    {16, 12, 5, 3, {115, 130, 137, 141, 115, 139, 120, 124, 118, 136, 136, 130, 125, 138, 109,
                    136, 128, 140, 117, 122, 119, 120, 134, 134, 133, 141, 113, 102, 114, 130,
                    139, 110, 139, 125, 134, 107, 138, 138, 131, 118, 115, 119, 133, 120, 145}},
    {3, 3, 3, 6, {0,   35,  163, 75,  49, 85,  206, 110, 76,  20,  75,  144, 68,  60, 107, 168, 84, 62,
                  81,  161, 105, 53,  81, 154, 89,  30,  33,  112, 220, 116, 91,  72, 171, 59,  26, 55,
                  111, 243, 176, 176, 31, 156, 80,  72,  127, 111, 255, 205, 217, 12, 148, 90,  94, 160}},
};

TEST(ResizeBicubic, EqualsPillow) {
  for (const Resized& expected : kByPillow) {
    Image image(expected.width, expected.height, 3);
    for (size_t i = 0; i < image.pixels.size(); ++i)
      image.pixels[i] = static_cast<uint8_t>((i * i * 31 + i * 17) % 256);
    EXPECT_EQ(resize_bicubic(image, expected.to_width, expected.to_height).pixels, expected.pixels)
        << expected.width << "x" << expected.height << " to " << expected.to_width << "x" << expected.to_height;
  }
}

TEST(ResizeBicubic, KeepsConstantImagesAndTheSameSize) {
  EXPECT_EQ(resize_bicubic(Image(50, 40, 3, 9), 7, 90), Image(7, 90, 3, 9));
  Image image(5, 7, 1);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 7);
  EXPECT_EQ(resize_bicubic(image, 5, 7), image);
  EXPECT_THROW(resize_bicubic(Image(), 2, 2), Error);
}

}  // namespace
}  // namespace fourm
