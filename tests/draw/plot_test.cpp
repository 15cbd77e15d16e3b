#include "fourm/draw/plot.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

size_t count(const std::string& text, const std::string& word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

TEST(Plot, PointsHaveIntervalsAndSeriesNames) {
  const Plot plot{
      "a & b",
      "a note",
      "guidance",
      false,
      {{"m", {{.name = "direct", .points = {{1, 0, 1}, {3, 4, 0}}}, {.name = "via <x>", .points = {{2, 1}}}}},
       {"n", {{.name = "direct"}, {.name = "via <x>"}}}}};
  const std::string svg = plot_svg(plot);
  for (const char* text : {"a &amp; b", "a note", ">direct<", ">via &lt;x&gt;<", ">m<", ">n<", ">guidance 3<", ">1<"})
    EXPECT_NE(svg.find(text), std::string::npos) << text << "\n" << svg;
  EXPECT_EQ(count(svg, "<polyline"), 2u);
  EXPECT_EQ(count(svg, "<circle"), 3u);
  // x from 1 to 3 is 58 to 288 of a panel. y from -1, where the interval of the first point ends, to 4 is 164 to 30 below
  // the title and the legend, which take 54.
  EXPECT_NE(svg.find("d=\"M58 218V164.4\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("points=\"58,191.2 288,84 \""), std::string::npos) << svg;
}

}  // namespace
}  // namespace fourm
