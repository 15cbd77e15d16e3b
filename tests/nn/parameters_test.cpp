// The list of a model's tensors, while it is built and afterwards.
#include "fourm/nn/parameters.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "fourm/core/error.h"

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

}  // namespace
}  // namespace fourm
