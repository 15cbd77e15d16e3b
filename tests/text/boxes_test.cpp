#include "fourm/text/boxes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fourm/core/error.h"

namespace fourm {
namespace {

const CropView kWhole{100, 100, 0, 0, 100, 100, false};

std::vector<LabelledBox> view(const std::vector<LabelledBox>& boxes, const CropView& crop, BoxOptions options = {}) {
  Random random(1);
  return view_boxes(boxes, crop, options, random);
}

TEST(Boxes, RoundingIsHalfToEven) {
  // With 3 bins the products are exact: 0.25 * 2 = 0.5 goes to 0, 0.75 * 2 = 1.5 goes to 2.
  EXPECT_EQ(boxes_to_string({{0.25, 0.75, 1, 0, "x"}}, 3), "v0=0 v1=2 v2=2 v3=0 x");
  EXPECT_EQ(boxes_to_string({}), "");
  EXPECT_THROW(boxes_to_string({}, 1), Error);
}

TEST(Boxes, WrittenBoxesAreReadBack) {
  Random random(2);
  for (int round = 0; round < 500; ++round) {
    const int64_t bins = random.between(2, 1000);
    std::vector<LabelledBox> boxes(random.below(6));
    const auto corner = [&] { return static_cast<double>(random.below(bins)) / static_cast<double>(bins - 1); };
    for (auto& box : boxes) box = {corner(), corner(), corner(), corner(), random.chance(0.5) ? "cat" : "teddy bear"};
    const auto back = boxes_from_string(boxes_to_string(boxes, bins), bins);
    ASSERT_EQ(back.size(), boxes.size());
    for (size_t i = 0; i < boxes.size(); ++i) {
      EXPECT_EQ(back[i].xmin, boxes[i].xmin);
      EXPECT_EQ(back[i].ymax, boxes[i].ymax);
      EXPECT_EQ(back[i].class_name, boxes[i].class_name);
    }
  }
}

TEST(Boxes, MalformedTextGivesTheWellFormedBoxes) {
  const std::string good = "v0=1 v1=2 v2=3 v3=4 cat";
  for (const std::string bad :
       {"", "dog", "v1=3", "v0=1 v1=2 v2=3 person", "v0=x v1=2 v2=3 v3=4 cat", "v0=1 v1=2 v2=3 v3=4",
        "v0=1 v1=2 v2=3 v3=4 v3=5 cat", "v0= v1=2 v2=3 v3=4 cat", "v0=1e999 v1=2 v2=3 v3=4 cat",
        "===", "v0=1 v1=2 v2=3 v3=4 cat v1=7", "v0=1=2 v1=2 v2=3 v3=4 a", "v0=1 v1=2 v2=3 v3=4 a=b"}) {
    EXPECT_TRUE(boxes_from_string(bad).empty()) << bad;
    EXPECT_EQ(boxes_from_string(good + " " + good).size(), 2u);
    EXPECT_EQ(boxes_from_string(bad + " " + good).size(), 1u) << bad;
  }
  Random random(3);
  const std::string letters = "v0123= cat[]\xff-";
  for (int round = 0; round < 3000; ++round) {
    std::string text(random.below(60), ' ');
    for (char& c : text) c = letters[random.below(static_cast<int64_t>(letters.size()))];
    boxes_from_string(text);
  }
}

TEST(Boxes, NumbersAreReadAsPythonReadsThem) {
  const std::vector<std::pair<std::string, double>> numbers{{"1.5", 1.5},
                                                            {"12.", 12},
                                                            {".25", 0.25},
                                                            {"1e2", 100},
                                                            {"1.5E-1", 0.15},
                                                            {"+7", 7},
                                                            {"-3", -3},
                                                            {"0012", 12},
                                                            {"1_0.5", 10.5},
                                                            {"1e-400", 0},
                                                            {"1e0_1", 10},
                                                            {"5\t", 5},
                                                            {"-0", 0},
                                                            {"\xd9\xa1\xd9\xa2", 12},
                                                            {"99999999999999999999", 1e20},
                                                            {"\xc2\xa0"
                                                             "8",
                                                             8}};
  for (const auto& [form, value] : numbers) {
    const auto boxes = boxes_from_string("v0=" + form + " v1=2 v2=" + form + " v3=4 cat", 11);
    ASSERT_EQ(boxes.size(), 1u) << form;
    EXPECT_EQ(boxes[0].xmin, value / 10) << form;
    EXPECT_EQ(boxes[0].xmax, value / 10) << form;
  }
  EXPECT_EQ(boxes_from_string("v0=1.5 v1=2 v2=3 v3=4 cat").size(), 1u);
  for (const std::string form : {"", "x", "1,5", "1__0", "_1", "1_", "1_.5", "+-1", "++1", "0x10", "1e", "e5", ".",
                                 "nan", "inf", "-Infinity", "1e400", "1 0", "1\xff"})
    EXPECT_TRUE(boxes_from_string("v0=" + form + " v1=2 v2=3 v3=4 cat").empty()) << form;
}

TEST(Boxes, CropClipAndFlip) {
  const auto seen = view({{0.1, 0.2, 0.5, 0.6, "a"}}, {100, 200, 10, 40, 50, 80, false});
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_DOUBLE_EQ(seen[0].xmin, 0);
  EXPECT_DOUBLE_EQ(seen[0].ymin, 0.2);
  EXPECT_DOUBLE_EQ(seen[0].xmax, 0.75);
  EXPECT_DOUBLE_EQ(seen[0].ymax, 1);
  const auto mirrored = view({{0.1, 0.2, 0.5, 0.6, "a"}}, {100, 200, 10, 40, 50, 80, true});
  EXPECT_DOUBLE_EQ(mirrored[0].xmin, 0.25);
  EXPECT_DOUBLE_EQ(mirrored[0].xmax, 1);
}

TEST(Boxes, UselessBoxesAreDropped) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(view({{0.3, 0.3, 0.3, 0.9, "thin"},
                    {0.9, 0.9, 0.1, 0.1, "inverted"},
                    {1.5, 0, 2, 1, "outside"},
                    {nan, 0, 1, 1, "nan"},
                    {-inf, -inf, inf, nan, "inf"},
                    {0, 0, 1, 1, "unsure", 0.59},
                    {0, 0, 1, 1, "nan score", nan}},
                   kWhole)
                  .empty());
  BoxOptions half;
  half.min_visibility = 0.5;
  EXPECT_EQ(view({{-0.5, 0, 0.4, 1, "less"}, {-0.5, 0, 0.6, 1, "more"}}, kWhole, half).size(), 1u);
  EXPECT_THROW(view({}, {10, 10, 0, 0, 0, 5, false}), Error);
}

TEST(Boxes, OrderAndChoiceAreStable) {
  const std::vector<LabelledBox> boxes = {{0.5, 0.5, 0.7, 0.7, "a", 0.7},
                                          {0.0, 0.0, 0.1, 0.1, "b", 0.9},
                                          {0.5, 0.5, 0.7, 0.7, "c", 0.9},
                                          {0.1, 0.1, 0.9, 0.9, "d", 0.8}};
  const auto names = [&](BoxOrder order, std::optional<int64_t> limit) {
    BoxOptions options;
    options.order = order;
    options.max_instances = limit;
    std::string out;
    for (const auto& box : view(boxes, kWhole, options)) out += box.class_name;
    return out;
  };
  EXPECT_EQ(names(BoxOrder::kDistanceToOrigin, {}), "bdac");
  EXPECT_EQ(names(BoxOrder::kArea, {}), "dacb");
  EXPECT_EQ(names(BoxOrder::kScore, {}), "bcda");
  EXPECT_EQ(names(BoxOrder::kDistanceToOrigin, 3), "bdc");
  EXPECT_EQ(names(BoxOrder::kArea, 0), "");
  EXPECT_EQ(names(BoxOrder::kRandom, {}).size(), 4u);
  EXPECT_THROW(parse_box_order("size"), Error);
  EXPECT_EQ(area({0.5, 0.25, 1, 0.75, "a", 1}), 0.25);
  EXPECT_EQ(area({1, 0.75, 0.5, 0.25, "wrong way round", 1}), 0);
}

}  // namespace
}  // namespace fourm
