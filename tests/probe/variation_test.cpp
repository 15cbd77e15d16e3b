#include "fourm/probe/variation.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"

namespace fourm {
namespace {

using Kind = Variation::Kind;

std::vector<std::string> labels(const Variation& variation) {
  std::vector<std::string> labels;
  for (size_t i = 0; i < variation.size(); ++i) labels.push_back(variation.label(i));
  return labels;
}

TEST(Variation, ABoxIsMoved) {
  const Variation v = Variation::parse("det: move potted plant#2 y 0.1..0.9 in 5");
  EXPECT_EQ(v.modality, "det");
  EXPECT_EQ(v.kind, Kind::kMove);
  EXPECT_EQ(v.what, "potted plant");
  EXPECT_EQ(v.number, 2);
  EXPECT_EQ(v.axis, 'y');
  EXPECT_EQ(labels(v), (std::vector<std::string>{"y 0.1", "y 0.3", "y 0.5", "y 0.7", "y 0.9"}));
  EXPECT_EQ(Variation::parse("det: move x x 0|1").what, "x") << "a class may be named like an axis";
}

TEST(Variation, ABoxIsResized) {
  const Variation v = Variation::parse(" det@128 :resize bed 0.5|2 ");
  EXPECT_EQ(v.modality, "det@128");
  EXPECT_EQ(v.kind, Kind::kResize);
  EXPECT_EQ(v.what, "bed");
  EXPECT_EQ(labels(v), (std::vector<std::string>{"size 0.5", "size 2"}));
}

TEST(Variation, PartsAreReplaced) {
  const Variation v = Variation::parse("caption: red#3 | dark green|blue");
  EXPECT_EQ(v.kind, Kind::kReplace);
  EXPECT_EQ(v.what, "red");
  EXPECT_EQ(v.number, 3);
  EXPECT_EQ(labels(v), (std::vector<std::string>{"red", "dark green", "blue"}));
}

TEST(Variation, WholeValuesAreListed) {
  const Variation v = Variation::parse("caption=a room: red|text:an office = blue");
  EXPECT_EQ(v.modality, "caption");
  EXPECT_EQ(v.kind, Kind::kValues);
  EXPECT_EQ(v.values, (std::vector<std::string>{"a room: red", "text:an office = blue"}));
}

TEST(Variation, OtherFormsAreRefusedInOneLine) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"caption", "expected MODALITY=VALUE|VALUE"},
      {": red|blue", "expected MODALITY"},
      {"caption: red", "expected MODALITY"},
      {"caption:", "expected MODALITY"},
      {"caption: red||blue", "one of its values is empty"},
      {"caption: #2|blue", "expected MODALITY"},
      {"caption: red#0|blue", "an integer from 1 on follows #"},
      {"det: move bed x 0..1 in 1", "2 to 100 values, got 1"},
      {"det: move bed x 0..1 in 101", "2 to 100 values, got 101"},
      {"det: move bed x 0..far in 3", "a range is A..B in N"},
      {"det: move bed z 0.2|0.8", "a box is moved along x or y, got 'z'"},
      {"det: move bed x left", "numbers are a range A..B in N or a list A|B"},
      {"det: move bed x 0.5|1.5", "the centre of a box is 0 to 1, got 1.5"},
      {"det: resize bed 0..1 in 3", "a positive factor, got 0"},
      {"det: resize bed nan", "numbers are a range"}};
  for (const auto& [text, message] : cases) {
    const std::string refusal = test::message_of([&] { Variation::parse(text); });
    EXPECT_NE(refusal.find(message), std::string::npos) << text << ": " << refusal;
    EXPECT_EQ(refusal.find("the variation '"), 0u) << refusal;
    EXPECT_EQ(refusal.find('\n'), std::string::npos) << refusal;
  }
}

}  // namespace
}  // namespace fourm
