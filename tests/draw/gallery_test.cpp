#include "fourm/draw/gallery.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fourm/draw/box_image.h"
#include "fourm/draw/lettering.h"
#include "fourm/draw/strokes.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr Colour kRed{255, 0, 0};

int64_t count_colour(const Image& image, const Colour& colour) {
  int64_t n = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) n += std::equal(colour.begin(), colour.end(), &image.pixels[i]);
  return n;
}

// Sum of the red channel, relative to a pixel that is wholly red.
double ink(const Image& image) {
  int64_t sum = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) sum += image.pixels[i];
  return static_cast<double>(sum) / 255;
}

TEST(Lettering, CharactersHaveTheirOwnShapes) {
  std::vector<Image> shapes;
  std::vector<std::string> letters{":", ";", "|", "é", "ü", "я", "…"};
  for (char c = '0'; c <= '9'; ++c) letters.emplace_back(1, c);
  for (char c = 'a'; c <= 'z'; ++c) {
    letters.emplace_back(1, c);
    letters.emplace_back(1, static_cast<char>(c - 'a' + 'A'));
  }
  for (const auto& letter : letters) {
    EXPECT_GT(text_width(letter, 16), 2) << letter;
    EXPECT_LE(text_width(letter, 16), 17) << letter;
    Image image(20, line_height(16), 3);
    draw_text(image, 0, 0, letter, kRed, 16);
    EXPECT_GT(ink(image), 4) << letter;
    for (const auto& other : shapes) EXPECT_NE(image, other) << letter;
    shapes.push_back(std::move(image));
  }
  EXPECT_EQ(text_width("\xff", 16), text_width("\xef\xbf\xbd", 16)) << "bytes that are not UTF-8";
}

TEST(Lettering, InkGrowsWithTheSquareOfTheSizeAndIsCutAtEdges) {
  Image small(100, 20, 3), large(200, 40, 3), cut(8, 8, 3);
  draw_text(small, 1, 1, "depth 0.5", kRed, 14);
  draw_text(large, 2, 2, "depth 0.5", kRed, 28);
  EXPECT_NEAR(ink(large) / ink(small), 4, 0.5);
  EXPECT_NEAR(static_cast<double>(text_width("depth 0.5", 28)) / text_width("depth 0.5", 14), 2, 0.2);
  draw_text(cut, -3, -3, "depth 0.5", kRed, 14);
  EXPECT_GT(ink(cut), 0);
}

TEST(Lettering, LinesFitAndKeepTheirWords) {
  const std::string text =
      "an office with a brown table in the middle, four orange chairs and an extraordinarilylongword";
  std::string joined;
  for (const auto& line : wrap_text(text, 120, 14)) {
    if (line.find(' ') != std::string::npos) {
      EXPECT_LE(text_width(line, 14), 120);
    }
    joined += (joined.empty() ? "" : " ") + line;
  }
  EXPECT_EQ(joined, text);
  EXPECT_EQ(wrap_text("", 120, 14), std::vector<std::string>{""});
}

TEST(Lettering, LongTextIsShortened) {
  EXPECT_EQ(shortened_text("bed", 100, 14), "bed");
  const std::string cut = shortened_text("größßßßßßßßßßßßßß", 60, 14);
  EXPECT_TRUE(cut.starts_with("grö") && cut.ends_with("ß…")) << cut;
  EXPECT_LE(text_width(cut, 14), 60);
  EXPECT_EQ(shortened_text("bed", 1, 14), "…");
}

TEST(DrawBoxes, OutlinesLieOnTheCorners) {
  const Image plain(10, 10, 3, 0);
  const Image drawn = draw_boxes(plain, {{0.25, 0.5, 0.75, 1, "bed", 1}}, 80);
  const auto black = [&](int x, int y) { return drawn.at(x, y)[0] == 0 && drawn.at(x, y)[1] == 0; };
  EXPECT_TRUE(black(19, 60) && !black(20, 60) && !black(59, 60) && black(60, 60) && black(40, 39) && !black(40, 79));
  EXPECT_TRUE(black(40, 70));  // inside
  EXPECT_EQ(draw_boxes(plain, {}, 80), resize_bilinear(plain, 80, 80));
}

TEST(DrawBoxes, LabelsDoNotHideEachOtherAndStayInTheImage) {
  const auto coloured = [](const std::vector<LabelledBox>& boxes, const std::string& name) {
    return count_colour(draw_boxes(Image(10, 10, 3, 0), boxes, 160), bright_colour(name));
  };
  const LabelledBox sofa{0.3, 0.4, 0.9, 0.9, "sofa", 1}, chair{0.3, 0.4, 0.8, 0.9, "chair", 1};
  const int64_t alone = coloured({sofa}, "sofa");
  EXPECT_GT(coloured({sofa, chair}, "sofa"), alone / 2) << "the outlines share a corner, the labels do not";
  EXPECT_GT(coloured({sofa, chair}, "chair"), alone / 2);
  const int64_t label = coloured({{0, 0, 0.001, 0.001, "lamp", 1}}, "lamp");
  EXPECT_GT(label, 200);
  EXPECT_EQ(coloured({{0.999, 0.999, 1, 1, "lamp", 1}}, "lamp"), label);
  EXPECT_EQ(coloured({{0.999, 0, 1, 0.001, "lamp", 1}}, "lamp"), label);
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
