// Rules of options: ranges and choices (core/config.h).
#include <gtest/gtest.h>

#include "fourm/core/config.h"

namespace fourm {
namespace {

struct RuledInner {
  std::vector<int64_t> sizes{32};
  std::optional<double> share;
  template <class V>
  void fields(V& v) {
    v("sizes", sizes, "sides", Range{1, 64});
    v("share", share, "a part", Range{0, 1});
  }
};

struct RuledOuter {
  std::string kind = "plain";
  int64_t steps = 3, width = 0;
  RuledInner inner;
  std::vector<RuledInner> list;
  std::map<std::string, RuledInner> named;
  template <class V>
  void fields(V& v) {
    v("kind", kind, "what it is", OneOf{{"plain", "wide"}});
    v("steps", steps, "how many", at_least(1), KeyRole::kChangeable);
    if (v.applies(kind == "wide")) v("width", width, "of wide ones", at_least(0));
    v("inner", inner, "a group");
    v("list", list, "groups");
    v("named", named, "groups by name");
  }
};

std::string failure(const std::string& yaml) {
  RuledOuter outer;
  try {
    read_config(parse_yaml(yaml, "x.yaml"), outer, "x.yaml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ConfigRules, ValuesThatBreakARuleAreNamed) {
  EXPECT_EQ(failure("{kind: wide, width: 4, steps: 1, inner: {sizes: [1, 64], share: 0.5}}"), "");
  EXPECT_EQ(failure("kind: narrow"), "x.yaml: kind is 'narrow', expected plain or wide");
  EXPECT_EQ(failure("steps: 0"), "x.yaml: steps is 0, expected at least 1");
  EXPECT_EQ(failure("inner: {sizes: [8, 65]}"), "x.yaml: inner.sizes is 65, expected 1 to 64");
  EXPECT_EQ(failure("list: [{}, {share: 2}]"), "x.yaml: list[1].share is 2, expected 0 to 1");
  EXPECT_EQ(failure("named: {a: {sizes: [0]}}"), "x.yaml: named.a.sizes is 0, expected 1 to 64");
  EXPECT_NE(failure("width: 4").find("unknown key 'width'"), std::string::npos) << "a plain one has no width";
  RuledOuter outer;
  outer.list.resize(2);
  outer.list[0].sizes = {65};
  EXPECT_THROW(check_fields(outer, "the test"), Error) << "also of values that were not read";
}

TEST(ConfigRules, DescriptionsHaveEveryFieldAndItsRules) {
  std::map<std::string, FieldDescription> found;
  for (const auto& field : describe_fields(RuledOuter())) found[field.path] = field;
  EXPECT_EQ(found.at("kind").allowed, "plain or wide");
  EXPECT_EQ(found.at("kind").initial, "plain");
  EXPECT_FALSE(found.at("kind").changeable);
  EXPECT_EQ(found.at("steps").type, "integer");
  EXPECT_EQ(found.at("steps").allowed, "at least 1");
  EXPECT_TRUE(found.at("steps").changeable);
  EXPECT_TRUE(found.contains("width")) << "also fields of other values";
  EXPECT_EQ(found.at("inner").type, "");
  EXPECT_EQ(found.at("inner.sizes").initial, "[32]");
  EXPECT_EQ(found.at("inner.share").initial, "null");
  EXPECT_TRUE(found.contains("list[].share"));
  EXPECT_TRUE(found.contains("named.NAME.sizes"));
}

}  // namespace
}  // namespace fourm
