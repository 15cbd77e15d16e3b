#include "fourm/core/config.h"

#include <gtest/gtest.h>

#include "fourm/core/file.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

struct Inner {
  double rate = 0.5;
  template <class V>
  void fields(V& v) {
    v("rate", rate, "");
  }
};
struct Outer {
  std::string name = "x";
  std::vector<int64_t> sizes;
  std::optional<int64_t> limit;
  std::map<std::string, Inner> parts;
  Inner inner;
  template <class V>
  void fields(V& v) {
    v("name", name, "");
    v("sizes", sizes, "");
    v("limit", limit, "");
    v("parts", parts, "");
    v("inner", inner, "");
  }
};

TEST(Config, ReadsWritesAndOverrides) {
  YAML::Node node = parse_yaml("name: y\nsizes: [1, 2]\nlimit: 7\nparts: {a: {rate: 2}}", "t.yaml");
  apply_override(node, "inner.rate=0.25");
  Outer config;
  read_config(node, config, "t.yaml");
  EXPECT_EQ(config.inner.rate, 0.25);
  EXPECT_EQ(config.parts.at("a").rate, 2);
  Outer again;
  read_config(parse_yaml(yaml_text(to_yaml(config)), "copy"), again, "copy");
  EXPECT_EQ(yaml_text(to_yaml(again)), yaml_text(to_yaml(config)));
  EXPECT_EQ(again.limit, 7);
}

TEST(Config, OverridesOfKeysBelowAScalarOrAListSayWhatToGive) {
  const auto said = [](const std::string& assignment) {
    YAML::Node node = parse_yaml("data: rooms/train\nhead: {masks: true}\nsets: [a, b]\naugment:", "t.yaml");
    return test::message_of([&] { apply_override(node, assignment); });
  };
  EXPECT_EQ(said("data.path=x"),
            "data.path=x: 'data' is 'rooms/train', which has no key 'path'; give it as a whole: 'data={path: x}'");
  EXPECT_EQ(said("data.labels.of=[1, 2]"),
            "data.labels.of=[1, 2]: 'data' is 'rooms/train', which has no key 'labels'; "
            "give it as a whole: 'data={labels: {of: [1, 2]}}'");
  EXPECT_EQ(said("head.masks.side=28"),
            "head.masks.side=28: 'head.masks' is 'true', which has no key 'side'; "
            "give it as a whole: 'head.masks={side: 28}'");
  EXPECT_EQ(said("sets.path=x"),
            "sets.path=x: 'sets' is a list, which has no key 'path'; give it as a whole: 'sets=[{path: x}]'");
  for (const char* valid : {"data=x", "data={path: x}", "augment.crop=jitter", "new.key=1"})
    EXPECT_EQ(said(valid), "no error");
  YAML::Node node = parse_yaml("data: rooms/train", "t.yaml");
  apply_override(node, "data={path: x}");
  apply_override(node, "data.split=val");
  EXPECT_EQ(flow_text(node), "data: {path: x, split: val}");
}

TEST(Config, AFileThatIsNoMappingIsNamed) {
  const test::TemporaryFolder folder;
  write_file(folder / "t.yaml", "[1, 2]");
  Outer config;
  EXPECT_EQ(test::message_of([&] { load_config(folder / "t.yaml", {"inner.rate=1"}, config); }),
            concat((folder / "t.yaml").string(), ": the document should be a mapping, but is a list"));
}

struct Changing {
  int64_t steps = 1, width = 2;
  std::vector<Inner> list;
  std::map<std::string, Inner> parts;
  template <class V>
  void fields(V& v) {
    v("steps", steps, "", KeyRole::kChangeable);
    v("width", width, "");
    v("list", list, "");
    v("parts", parts, "", KeyRole::kChangeable);
  }
  static void migrate(YAML::Node& node, const std::string&) {
    if (!node["length"].IsDefined()) return;
    node["steps"] = node["length"].as<int64_t>() * 10;
    node.remove("length");
  }
};
struct Holder {
  Changing inner;
  std::vector<Changing> all{2};
  template <class V>
  void fields(V& v) {
    v("inner", inner, "");
    v("all", all, "");
  }
};

TEST(Config, KeysThatMayChangeAreListedByPath) {
  EXPECT_EQ(changeable_keys(Holder()), (std::vector<std::string>{"inner.steps", "inner.parts", "all[0].steps",
                                                                 "all[0].parts", "all[1].steps", "all[1].parts"}));
}

TEST(Config, KeysOfEarlierVersionsAreReadAndTheNodeStays) {
  const YAML::Node node = parse_yaml("{inner: {length: 4}, all: [{length: 5}, {steps: 6}]}", "t.yaml");
  Holder config;
  read_config(node, config, "t.yaml");
  EXPECT_EQ(config.inner.steps, 40);
  EXPECT_EQ(config.all[0].steps, 50);
  EXPECT_EQ(config.all[1].steps, 6);
  EXPECT_EQ(node["inner"]["length"].as<int64_t>(), 4);
}

struct Share {
  double weight = 1;
  int64_t repeats = 4;
  double& short_form() { return weight; }
  template <class V>
  void fields(V& v) {
    v("weight", weight, "");
    v("repeats", repeats, "");
  }
};

TEST(Config, AMappingMayHaveAShortForm) {
  std::map<std::string, Share> shares;
  const auto read = [&](const char* text) { config_detail::read(parse_yaml(text, "t"), shares, "t", "shares"); };
  read("{a: 0.25, b: {weight: 2, repeats: 1}, c: {repeats: 4}}");
  EXPECT_EQ(shares.at("a").weight, 0.25);
  EXPECT_EQ(shares.at("a").repeats, 4);
  EXPECT_EQ(shares.at("b").repeats, 1);
  const YAML::Node written = config_detail::write(shares);
  EXPECT_EQ(written["a"].as<double>(), 0.25) << "what has a short form is written in it";
  EXPECT_EQ(written["b"]["weight"].as<double>(), 2);
  EXPECT_EQ(written["c"].as<double>(), 1);
  EXPECT_EQ(test::message_of([&] { read("{a: much}"); }), "t: the key 'shares.a' should be a number, but is 'much'");
  EXPECT_EQ(test::message_of([&] { read("{a: {repeat: 1}}"); }),
            "t: unknown key 'shares.a.repeat' (did you mean 'repeats'?)");
}

TEST(Config, UnknownKeysNameTheNearest) {
  const auto read = [](const char* text) {
    return test::message_of([&] {
      Outer config;
      read_config(parse_yaml(text, "r.yaml"), config, "r.yaml");
    });
  };
  EXPECT_EQ(read("inner: {rat: 1}"), "r.yaml: unknown key 'inner.rat' (did you mean 'rate'?)");
  EXPECT_EQ(read("inner: {rate: fast}"), "r.yaml: the key 'inner.rate' should be a number, but is 'fast'");
  EXPECT_EQ(read("sizes: 3"), "r.yaml: the key 'sizes' should be a list, but is '3'");
  for (const std::string number : {".nan", ".inf", "-.inf"})
    EXPECT_EQ(read(("inner: {rate: " + number + "}").c_str()),
              "r.yaml: the key 'inner.rate' should be a finite number, but is '" + number + "'");
  EXPECT_NE(read("a: [").find("is not valid YAML"), std::string::npos);
}

TEST(Config, DeepNestingIsRefused) {
  EXPECT_NE(test::message_of([] { parse_yaml(std::string(2'000'000, '['), "deep.yaml"); }).find("nested deeper"),
            std::string::npos);
}

}  // namespace
}  // namespace fourm
