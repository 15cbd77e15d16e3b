#include "fourm/draw/gallery.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fourm/draw/box_image.h"
#include "fourm/draw/lettering.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr Colour kRed{255, 0, 0};

int64_t inked(const Image& image) {
  int64_t n = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) n += image.pixels[i] == 255 && image.pixels[i + 1] == 0;
  return n;
}

TEST(Lettering, EveryLetterHasItsOwnShapeAndWidth) {
  std::vector<Image> shapes;
  for (char c = 'a'; c <= 'z'; ++c)
    for (const char letter : {c, static_cast<char>(c - 'a' + 'A')}) {
      const std::string text(1, letter);
      EXPECT_TRUE(text_width(text, 1) >= 1 && text_width(text, 1) <= 5) << text;
      EXPECT_EQ(text_width(text, 3), 3 * text_width(text, 1));
      Image image(8, kLetterHeight, 3);
      draw_text(image, 0, 0, text, kRed, 1);
      EXPECT_GT(inked(image), 3) << text;
      for (const auto& other : shapes) EXPECT_NE(image, other) << text;
      shapes.push_back(std::move(image));
    }
}

TEST(Lettering, ScaleMultipliesInkAndEdgesCutIt) {
  Image small(60, 10, 3), large(180, 30, 3), cut(5, 5, 3);
  draw_text(small, 1, 1, "depth 0.5", kRed, 1);
  draw_text(large, 3, 3, "depth 0.5", kRed, 3);
  EXPECT_EQ(9 * inked(small), inked(large));
  draw_text(cut, -3, -3, "depth 0.5", kRed, 3);
  EXPECT_GT(inked(cut), 0);
}

TEST(Lettering, LinesFitAndKeepTheirWords) {
  const std::string text =
      "an office with a brown table in the middle, four orange chairs and an extraordinarilylongword";
  std::string joined;
  for (const auto& line : wrap_text(text, 80, 1)) {
    if (line.find(' ') != std::string::npos) {
      EXPECT_LE(text_width(line, 1), 80);
    }
    joined += (joined.empty() ? "" : " ") + line;
  }
  EXPECT_EQ(joined, text);
  EXPECT_EQ(wrap_text("", 80, 1), std::vector<std::string>{""});
}

TEST(DrawBoxes, OutlinesLieOnTheCorners) {
  const Image plain(10, 10, 3, 0);
  const Image drawn = draw_boxes(plain, {{0.25, 0.5, 0.75, 1, "bed", 1}}, 80);
  const auto black = [&](int x, int y) { return drawn.at(x, y)[0] == 0 && drawn.at(x, y)[1] == 0; };
  EXPECT_TRUE(black(19, 60) && !black(20, 60) && !black(59, 60) && black(60, 60) && black(40, 39) && !black(40, 79));
  EXPECT_TRUE(black(40, 70));  // inside
  EXPECT_EQ(draw_boxes(plain, {}, 80), resize_bilinear(plain, 80, 80));
}

Gallery small_gallery() {
  Gallery gallery;
  gallery.title = "A & B";
  gallery.introduction = "made <here>";
  gallery.rows = {{"\"one\"", {{Image(4, 4, 3, 10), "input"}, {Image(8, 8, 3, 20), "depth"}}, "caption: a room"}};
  return gallery;
}

TEST(Gallery, PageHoldsEveryImageAndEscapesText) {
  const std::string page = gallery_page(small_gallery());
  size_t images = 0;
  for (size_t at = page.find("<img"); at != std::string::npos; at = page.find("<img", at + 1)) ++images;
  EXPECT_EQ(images, 2u);
  for (const char* text : {"A &amp; B", "made &lt;here&gt;", "&quot;one&quot;", "caption: a room", ">depth<"})
    EXPECT_NE(page.find(text), std::string::npos) << text;
}

TEST(Gallery, SheetShowsTheImagesBesideEachOther) {
  const Image sheet = gallery_sheet(small_gallery());
  int64_t first = 0, second = 0;
  for (size_t i = 0; i < sheet.pixels.size(); i += 3) first += sheet.pixels[i] == 10, second += sheet.pixels[i] == 20;
  EXPECT_EQ(first, kGalleryCell * kGalleryCell);
  EXPECT_EQ(second, kGalleryCell * kGalleryCell);
  Gallery more = small_gallery();
  more.rows.push_back(more.rows[0]);
  EXPECT_GT(gallery_sheet(more).height, sheet.height + kGalleryCell);
}

TEST(Gallery, ImagesKeepTheirShapeOnTheSheet) {
  Gallery tall = small_gallery();
  tall.rows[0].cells[0].image = Image(4, 6, 3, 10);
  const Image before = gallery_sheet(small_gallery()), sheet = gallery_sheet(tall);
  EXPECT_EQ(sheet.height, before.height + kGalleryCell / 2);
  EXPECT_EQ(std::count(sheet.pixels.begin(), sheet.pixels.end(), 10), 3 * kGalleryCell * kGalleryCell * 3 / 2);
}

}  // namespace
}  // namespace fourm
