#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <numeric>

#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/core/lazy.h"
#include "fourm/core/parallel.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Lazy, MakesOneValueForAllWhoAskAtOnce) {
  const Lazy<int> lazy;
  std::atomic<int> made = 0;
  std::array<const int*, 16> seen{};
  parallel_for(
      16, [&](int64_t i) { seen[static_cast<size_t>(i)] = &lazy.get([&] { return 41 + ++made; }); }, 4);
  EXPECT_EQ(made, 1);
  for (const int* value : seen) {
    EXPECT_EQ(value, seen[0]);
    EXPECT_EQ(*value, 42);
  }
}

TEST(Lazy, TriesAgainAfterAFailure) {
  const Lazy<std::string> lazy;
  EXPECT_EQ(message_of([&] { lazy.get([]() -> std::string { fail("not yet"); }); }), "not yet");
  EXPECT_EQ(lazy.get([] { return std::string("made"); }), "made");
  EXPECT_EQ(lazy.get([] { return std::string("another"); }), "made");
}

// Known answers of the authors' test vectors (Random123, kat_vectors).
TEST(Random, PhiloxEqualsThePublishedVectors) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, StreamsDependOnSeedAndKeysOnly) {
  Random a(1, {2, 3}), b(1, {2, 3}), c(1, {3, 2}), d(2, {2, 3});
  const uint64_t first = a.bits64();
  EXPECT_EQ(first, b.bits64());
  EXPECT_NE(first, c.bits64());
  EXPECT_NE(first, d.bits64());
}

TEST(Random, MomentsAreRight) {
  Random random(5);
  constexpr int n = 200000;
  double uniform = 0, normal = 0, square = 0, gamma = 0;
  for (int i = 0; i < n; ++i) {
    uniform += random.uniform();
    const double x = random.normal();
    normal += x;
    square += x * x;
    gamma += std::exp(random.log_gamma_draw(0.5));
  }
  EXPECT_NEAR(uniform / n, 0.5, 0.005);
  EXPECT_NEAR(normal / n, 0, 0.012);
  EXPECT_NEAR(square / n, 1, 0.02);
  EXPECT_NEAR(gamma / n, 0.5, 0.01);
}

TEST(Random, TinyGammaShapesStayFinite) {
  Random random(5);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(std::isfinite(random.log_gamma_draw(1e-3)));
}

TEST(Random, PermutationsHoldEveryIndexOnce) {
  Random random(9);
  auto p = random.permutation(100);
  EXPECT_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(p[i], i);
}

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
  EXPECT_EQ(message_of([&] { read("{a: much}"); }), "t: the key 'shares.a' should be a number, but is 'much'");
  EXPECT_EQ(message_of([&] { read("{a: {repeat: 1}}"); }),
            "t: unknown key 'shares.a.repeat' (did you mean 'repeats'?)");
}

TEST(Config, UnknownKeysNameTheNearest) {
  const auto read = [](const char* text) {
    return message_of([&] {
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

TEST(Json, DeepNestingIsRefused) {
  EXPECT_NE(message_of([] { parse_json(std::string(2'000'000, '['), "deep.json"); }).find("nested deeper"),
            std::string::npos);
  EXPECT_NE(message_of([] { parse_yaml(std::string(2'000'000, '['), "deep.yaml"); }).find("nested deeper"),
            std::string::npos);
  EXPECT_NE(message_of([] { parse_json("{\"a\": 1", "cut.json"); }).find("not valid JSON at byte"), std::string::npos);
}

TEST(Json, IntegersAreWholeAndInRange) {
  const Json json = parse_json(R"({"a": 1.5, "b": 9223372036854775808, "c": -1, "d": 3.0, "e": true, "f": 7})", "x");
  for (const char* key : {"a", "b", "d", "e"})
    EXPECT_NE(message_of([&] { json_get<int64_t>(json, key, "x"); }).find("whole number"), std::string::npos) << key;
  EXPECT_NE(message_of([&] { json_get<uint64_t>(json, "c", "x"); }).find("whole number"), std::string::npos);
  EXPECT_EQ(json_get<int64_t>(json, "c", "x"), -1);
  EXPECT_EQ(json_get<uint64_t>(json, "b", "x"), uint64_t{1} << 63);
  EXPECT_EQ(json_get<int>(json, "f", "x"), 7);
}

TEST(File, AFailedWriteLeavesTheOldFile) {
  const fs::path file = fs::temp_directory_path() / "fourm_file_test" / "a.txt";
  write_file(file, "old");
  EXPECT_EQ(message_of([&] {
              write_file(file, [](std::ostream& out) {
                out << "new";
                fail("stopped half way");
              });
            }),
            "stopped half way");
  EXPECT_EQ(read_file(file), "old");
  EXPECT_EQ(list_files(file.parent_path()).size(), 1u) << "something was left behind";
  fs::remove_all(file.parent_path());
}

// A file-size limit fails writes as a full disk does.
TEST(File, AFullDiskIsOneLineAndLeavesNothing) {
  const fs::path folder = fs::temp_directory_path() / "fourm_full_test";
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = message_of([&] { write_file(folder / "big.bin", std::string(1 << 20, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("big.bin: cannot be written"), std::string::npos) << message;
  EXPECT_TRUE(list_files(folder).empty());
  fs::remove_all(folder);
}

TEST(File, CyclicLinksAreRefused) {
  const fs::path folder = fs::temp_directory_path() / "fourm_link_test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  fs::create_symlink(folder / "b", folder / "a");
  fs::create_symlink(folder / "a", folder / "b");
  EXPECT_NE(message_of([&] { read_file(folder / "a"); }), "no error");
  fs::remove_all(folder);
}

TEST(Parallel, EveryIndexOnceAndTheFirstErrorComesOut) {
  std::vector<int> hits(1000);
  parallel_for(
      1000, [&](int64_t i) { ++hits[i]; }, 4);
  EXPECT_EQ(std::accumulate(hits.begin(), hits.end(), 0), 1000);
  EXPECT_EQ(message_of([] {
              parallel_for(
                  10,
                  [](int64_t i) {
                    if (i == 5) fail("five");
                  },
                  2);
            }),
            "five");
}

TEST(Files, WritingThroughALinkKeepsTheLink) {
  const fs::path top = fs::temp_directory_path() / "fourm_link";
  fs::remove_all(top);
  write_file(top / "a" / "file", "before");
  fs::create_symlink("a/file", top / "link");
  write_file(top / "link", "after");
  EXPECT_TRUE(fs::is_symlink(top / "link"));
  EXPECT_EQ(read_file(top / "a" / "file"), "after");
  fs::remove_all(top);
}

TEST(Files, OutputsThatCannotBeWrittenAreNoticedBefore) {
  const fs::path top = fs::temp_directory_path() / "fourm_writable";
  fs::remove_all(top);
  write_file(top / "file", "kept");
  check_writable_folder(top / "new" / "deep");
  check_writable_file(top / "new" / "result.json");
  check_writable_file(top / "file");
  EXPECT_FALSE(fs::exists(top / "new"));  // nothing is left behind
  EXPECT_EQ(list_files(top).size(), 1u);
  EXPECT_NE(message_of([&] { check_writable_folder(top / "file" / "deep"); }).find("file is a file"),
            std::string::npos);
  EXPECT_NE(message_of([&] { check_writable_folder("/proc/nowhere"); }).find("/proc/nowhere: cannot be written"),
            std::string::npos);
  for (const char* place : {"/dev/full", "/tmp"}) {
    const std::string named = std::string(place) + ": is ";
    EXPECT_EQ(message_of([&] { check_writable_file(place); }).find(named), 0u);
    EXPECT_EQ(message_of([&] { write_file(place, "never"); }).find(named), 0u);
    EXPECT_FALSE(fs::is_regular_file(place));
  }
  fs::remove_all(top);
}

TEST(Strings, NearestNames) {
  EXPECT_EQ(nearest_name("learnin_rate", {"batch", "learning_rate"}), "learning_rate");
  EXPECT_EQ(nearest_name("zzz", {"batch", "learning_rate"}), "");
  EXPECT_EQ(nearest_name("rbg", {"caption", "rgb", "depth"}), "rgb") << "neighbours exchanged";
  EXPECT_EQ(nearest_name("gr", {"rgb"}), "") << "two apart";
  EXPECT_EQ(duration(59), "59.0 s");
  EXPECT_EQ(duration(3725), "1:02:05");
}

TEST(Strings, PrintableKeepsEveryScriptAndNoControlCharacter) {
  EXPECT_EQ(printable("Schlüssel_鍵_ключ.png"), "'Schlüssel_鍵_ключ.png'");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "'a?b?[31m?'");
  EXPECT_EQ(printable("\xc2\x9b\xe2\x80\xae\xe2\x80\xa8x"), "'???x'");  // a C1 control, an override, a line separator
  EXPECT_EQ(printable("\xff\xc3(\xe9\x8d"),
            "'?"
            "?(?'");  // not UTF-8
  EXPECT_EQ(printable("ééééé", 3), "'ééé...'");
  EXPECT_EQ(printable("ééé", 3), "'ééé'");
}

TEST(Strings, CountsHaveTheirPlural) {
  EXPECT_EQ(counted(0, "sample"), "0 samples");
  EXPECT_EQ(counted(1, "sample"), "1 sample");
  EXPECT_EQ(counted(2, "sample"), "2 samples");
  EXPECT_EQ(counted(1, "entry", "entries"), "1 entry");
  EXPECT_EQ(counted(-3, "entry", "entries"), "-3 entries");
}

TEST(JsonText, NamesThatAreNotUtf8DoNotStopIt) {
  EXPECT_EQ(json_text({{"file", "a\xffé"}}), "{\"file\":\"a\uFFFDé\"}");
}

}  // namespace
}  // namespace fourm
