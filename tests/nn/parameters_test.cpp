// The list of a model's tensors, while it is built and afterwards.
#include "fourm/nn/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <type_traits>

#include "fourm/core/error.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// Nothing of the source can be reached through built parameters, so it may end before them.
static_assert(!std::is_constructible_v<Parameters, ParameterSource&>);
static_assert(!std::is_constructible_v<Scope, Parameters&>);

TEST(Parameters, OutliveTheirSource) {
  Parameters parameters;
  {
    auto source = std::make_unique<SeedSource>(3);
    const Scope root(parameters, *source), layer = root["layer"];
    layer.parameter("weight", {2, 3}, Init::normal(1));
    layer.buffer("count", {1}, Init::zeros());
    root.share("head.weight", "layer2.weight");
    root["layer2"].parameter("weight", {4}, Init::ones());
    EXPECT_TRUE(layer.source_has("weight"));
    EXPECT_THROW(layer.parameter("weight", {2, 3}, Init::zeros()), Error) << "defined twice";
    EXPECT_THROW(root.share("layer.weight", "other"), Error) << "shared too late";
  }
  parameters.make_trainable();
  EXPECT_EQ(parameters.entries().size(), 3u);
  EXPECT_EQ(parameters.count(), 10);
  EXPECT_TRUE(parameters.find("head.weight").is_same(parameters.find("layer2.weight")));
  EXPECT_FALSE(parameters.find("none").defined());
}

TEST(SeedSource, ATensorDependsOnItsNameAndTheSeedAlone) {
  const auto drawn = [](uint64_t seed, const std::vector<std::string>& names) {
    SeedSource source(seed);
    Parameters parameters;
    const Scope root(parameters, source);
    for (const auto& name : names) root.parameter(name, {4, 5}, Init::normal(2));
    return parameters.find("b").clone();
  };
  const Tensor alone = drawn(3, {"b"});
  EXPECT_TRUE(at::equal(drawn(3, {"a", "b", "c"}), alone));
  EXPECT_FALSE(at::equal(drawn(4, {"b"}), alone));
}

TEST(SeedSource, ValuesHaveTheStatedScale) {
  SeedSource source(3, at::kDouble);
  const Tensor normal = source.get("normal", {300, 300}, Init::normal(0.5)),
               uniform = source.get("uniform", {300, 300}, Init::xavier(100, 200));
  EXPECT_NEAR(normal.mean().item<double>(), 0, 0.01);
  EXPECT_NEAR(normal.std().item<double>(), 0.5, 0.01);
  const double bound = std::sqrt(6.0 / 300);
  EXPECT_LE(uniform.abs().max().item<double>(), bound);
  EXPECT_NEAR(uniform.square().mean().item<double>(), bound * bound / 3, 1e-4);
  EXPECT_TRUE(at::equal(source.get("ones", {2}, Init::ones()), at::ones({2}, at::kDouble)));
}

TEST(Parameters, PatternsChooseWhatLearns) {
  SeedSource source(3);
  Parameters parameters;
  const Scope root(parameters, source);
  root["encoder"].parameter("weight", {2, 3}, Init::zeros());
  root["decoder"].parameter("weight", {4}, Init::zeros());
  root["decoder"].buffer("table", {7}, Init::zeros());
  EXPECT_EQ(test::message_of([&] {
              parameters.make_trainable({"encoder.*", "head.*"});
            }),
            "no tensor that is trained has a name like 'head.*'");
  EXPECT_NE(test::message_of([&] { parameters.make_trainable({"decoder.table"}); }), "no error") << "a buffer";
  parameters.make_trainable({"encoder.*"});
  EXPECT_EQ(parameters.trainable_count(), 6);
  EXPECT_EQ(parameters.count(), 10);
  EXPECT_FALSE(parameters.find("decoder.weight").requires_grad());
}

// A file with a tensor "w" [2, 3] of ones and other tensors.
class FileSourceTest : public testing::Test {
 protected:
  fs::path write(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata = {}) const {
    const fs::path path = folder / "t.safetensors";
    save_tensors(path, tensors, metadata);
    return path;
  }
  static std::string refusal(const fs::path& path) {
    return test::message_of([&] {
      FileSource source(SafetensorsFile::open(path));
      Parameters parameters;
      const Scope root(parameters, source);
      root.parameter("w", {2, 3}, Init::zeros());
      root.parameter("b", {3}, Init::zeros());
      root.buffer("table", {2}, Init::constant(at::ones({2})));
      source.finish(parameters);
    });
  }
  test::TemporaryFolder folder;
};

TEST_F(FileSourceTest, EveryProblemIsNamedInOneLine) {
  EXPECT_EQ(refusal(write({{"w", at::ones({2, 3})}, {"b", at::ones({3})}})), "no error") << "a table can be rebuilt";
  const fs::path path = write({{"w", at::ones({3, 2})}});
  EXPECT_EQ(refusal(path), path.string() +
                               ": 2 tensors do not fit the config: w has shape [3, 2], expected [2, 3]; b is "
                               "missing, expected [3]");
  EXPECT_NE(refusal(write({{"w", at::ones({2, 3})}, {"b", at::ones({3}, at::kLong)}})).find("b has dtype"),
            std::string::npos);
}

TEST_F(FileSourceTest, NamesOfWrappersAreExplained) {
  EXPECT_NE(refusal(write({{"module.w", at::ones({2, 3})}, {"module.b", at::ones({3})}})).find("DataParallel"),
            std::string::npos);
}

TEST_F(FileSourceTest, UnusedTensorsAreOneWarning) {
  const fs::path path = write({{"w", at::ones({2, 3})}, {"b", at::ones({3})}, {"more", at::ones({1})}});
  const test::CapturedLog captured;
  EXPECT_EQ(refusal(path), "no error");
  EXPECT_EQ(captured.text(), "warning: " + path.string() + ": 1 tensor is not used: more\n");
}

TEST_F(FileSourceTest, HalfPrecisionIsWidenedExceptMatricesToPack) {
  const fs::path path = write({{"w", at::full({2, 3}, 0.5, at::kHalf)}, {"b", at::ones({3}, at::kBFloat16)}});
  for (const bool pack : {false, true}) {
    FileSource source(SafetensorsFile::open(path), pack ? Compute::for_inference() : Compute{});
    EXPECT_EQ(source.get("w", {2, 3}, {}).scalar_type(), pack ? at::kHalf : at::kFloat);
    EXPECT_EQ(source.get("b", {3}, {}).scalar_type(), at::kFloat);
    EXPECT_EQ(source.get("w", {2, 3}, {}).sum().item<double>(), 3);
  }
}

// What one name keeps, the other finds, whichever of the two the file holds.
TEST_F(FileSourceTest, SharedTensorsAreReadUnderEitherName) {
  for (const char* stored : {"head", "table"}) {
    FileSource source(SafetensorsFile::open(write({{stored, at::full({2}, 7.0)}})));
    Parameters parameters;
    const Scope root(parameters, source);
    root.share("head", "table");
    const Tensor table = root.parameter("table", {2}, Init::zeros()), head = root.parameter("head", {2}, Init::zeros());
    EXPECT_TRUE(head.is_same(table));
    EXPECT_EQ(head.sum().item<double>(), 14) << stored;
    EXPECT_NO_THROW(source.finish(parameters));
    EXPECT_EQ(parameters.count(), 2);
  }
}

TEST_F(FileSourceTest, WhatIsSavedIsReadInTheTypeOfTheFile) {
  SeedSource seeds(2);
  Parameters parameters;
  const Scope root(parameters, seeds);
  root.parameter("w", {4, 4}, Init::normal(1));
  for (const auto& [dtype, type] : {std::pair{"f32", at::kFloat}, {"f16", at::kHalf}, {"bf16", at::kBFloat16}}) {
    const fs::path path = folder / (std::string(dtype) + ".safetensors");
    save_parameters(path, parameters, parse_dtype(dtype));
    const Tensor stored = read_tensor(SafetensorsFile::open(path), "w");
    EXPECT_EQ(stored.scalar_type(), type);
    EXPECT_TRUE(at::equal(stored, parameters.find("w").to(type)));
  }
  for (const char* dtype : {"f64", "float"})
    EXPECT_NE(test::message_of([&] { parse_dtype(dtype); }).find(dtype), std::string::npos);
  EXPECT_NE(test::message_of([&] {
              read_tensor(SafetensorsFile::open(folder / "f32.safetensors"), "v");
            }).find("tensor v is missing"),
            std::string::npos);
}

}  // namespace
}  // namespace fourm
