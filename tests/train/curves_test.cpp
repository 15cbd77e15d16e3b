#include "fourm/train/curves.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fourm {
namespace {

size_t count(const std::string& text, const std::string& word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

TEST(Curves, EachMeasureHasAPanelWithItsPoints) {
  const std::string svg = curves_svg(R"({"step":10,"train":{"loss":4,"lr":0.1}}
{"step":20,"train":{"loss":2,"lr":0.1}}
{"step":20,"eval":{"loss":3,"psnr":18.5}}
not a record
{"step":40,"eval":{"psnr":)",
                                     "a < b");
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_EQ(count(svg, "class=\"name\""), 2u);  // loss, psnr; not lr
  EXPECT_EQ(count(svg, "<polyline"), 1u);
  EXPECT_EQ(count(svg, "<circle"), 2u);
  // Step 20 of 20 is the right edge of the first panel; 4 is its top, 2 its bottom.
  EXPECT_NE(svg.find("points=\"173,64 288,198 \""), std::string::npos) << svg;
}

TEST(Curves, NoRecordsAreNoPanels) { EXPECT_EQ(count(curves_svg("", "empty"), "class=\"name\""), 0u); }

}  // namespace
}  // namespace fourm
