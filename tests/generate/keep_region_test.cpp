#include "fourm/generate/keep_region.h"

#include <gtest/gtest.h>

#include <numeric>

#include "fourm/core/error.h"
#include "fourm/core/file.h"
#include "fourm/io/image.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// The kept tokens of a grid as text, a letter a token: "#" kept, "." not.
std::string drawing(const std::string& keep, int64_t grid) {
  std::string text;
  for (const bool kept : KeepRegion::parse(keep).tokens(grid * grid, grid)) text += kept ? '#' : '.';
  return text;
}

TEST(KeepRegion, HalvesAreRoundedDown) {
  EXPECT_EQ(drawing("left", 4), "##..##..##..##..");
  EXPECT_EQ(drawing("right", 4), "..##..##..##..##");
  EXPECT_EQ(drawing("top", 3), "###......");
  EXPECT_EQ(drawing("bottom", 3), "......###");
  EXPECT_EQ(drawing("left", 3), "#..#..#..");
  EXPECT_EQ(drawing("all", 2), "####");
}

TEST(KeepRegion, RectanglesKeepWholePatches) {
  EXPECT_EQ(drawing("0.25,0,1,0.5", 4), ".###.###........");
  EXPECT_EQ(drawing("0.26,0,1,0.5", 4), "..##..##........");
  EXPECT_EQ(drawing("0,0,0.3333333333333333,1", 3), "#..#..#..");
}

TEST(KeepRegion, EveryNth) {
  EXPECT_EQ(drawing("every:3", 3), "#..#..#..");
  EXPECT_EQ(KeepRegion::parse("every:2").tokens(5, 0), (std::vector<bool>{true, false, true, false, true}));
}

TEST(KeepRegion, MasksKeepWhiteAndTheirMiddleSquare) {
  const test::TemporaryFolder folder;
  const auto written = [&](const char* name, int width, int height, const std::function<bool(int, int)>& white) {
    Image mask(width, height, 3, 0);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        if (white(x, y)) std::fill_n(mask.at(x, y), 3, 255);
    write_file(folder / name, encode_png(mask));
    return (folder / name).string();
  };
  EXPECT_EQ(drawing(written("half.png", 8, 8, [](int x, int) { return x < 4; }), 4), drawing("left", 4));
  EXPECT_EQ(drawing(written("nearly.png", 8, 8, [](int x, int y) { return x < 4 && !(x == 0 && y == 0); }), 4),
            ".#..##..##..##..")
      << "one black pixel";
  const std::string wide = written("wide.png", 16, 8, [](int x, int) { return x < 8; });
  EXPECT_EQ(drawing(wide, 4), drawing("left", 4)) << "columns 4 to 12 are the square";
  const KeepRegion region = KeepRegion::parse(wide);
  region.check_size(16, 8, "a.png");
  EXPECT_EQ(test::message_of([&] { region.check_size(16, 9, "a.png"); }),
            wide + ": the mask is 16 x 8 pixels, and a.png is 16 x 9; make them equal");
  EXPECT_NE(test::message_of([&] { region.check_size(0, 0, "a.npy"); }).find("for tokens it is square"),
            std::string::npos);
}

TEST(KeepRegion, TransparentPartsOfAMaskAreGenerated) {
  const test::TemporaryFolder folder;
  Image mask(8, 8, 4, 255);
  for (int y = 0; y < 8; ++y)
    for (int x = 4; x < 8; ++x) mask.at(x, y)[3] = 0;
  write_file(folder / "hole.png", encode_png(mask));
  EXPECT_EQ(drawing((folder / "hole.png").string(), 4), drawing("left", 4));
}

TEST(KeepRegion, PastesKeptPixels) {
  Image square(4, 4, 3, 200), generated(4, 4, 3, 10);
  const Image result = KeepRegion::parse("left").paste(square, generated);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 4; ++x) EXPECT_EQ(result.at(x, y)[0], x < 2 ? 200 : 10);
  EXPECT_THROW(KeepRegion::parse("every:2").paste(square, generated), Error);
}

TEST(KeepRegion, MistakesAreNamed) {
  for (const char* text : {"", "middle", "1,2,3", "0,0,x,1"})
    EXPECT_NE(test::message_of([&] { KeepRegion::parse(text); }).find("expected all, left"), std::string::npos) << text;
  EXPECT_NE(test::message_of([] { KeepRegion::parse("lefft"); }).find("did you mean 'left'?"), std::string::npos);
  for (const char* text : {"0.5,0,0.5,1", "0,0,2,1", "-0.1,0,1,1"})
    EXPECT_NE(test::message_of([&] { KeepRegion::parse(text); }).find("expected 0 <= X0"), std::string::npos) << text;
  for (const char* text : {"every:0", "every:1.5", "every:"})
    EXPECT_NE(test::message_of([&] { KeepRegion::parse(text); }).find("keep '"), std::string::npos) << text;
  EXPECT_NE(test::message_of([] { KeepRegion::parse("none.png"); }).find("none.png"), std::string::npos);
  EXPECT_NE(test::message_of([] { KeepRegion::parse("left").tokens(16, 0); }).find("no square grid"),
            std::string::npos);
}

}  // namespace
}  // namespace fourm
