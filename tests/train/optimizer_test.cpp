#include "fourm/train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/train/schedule.h"
#include "tests/support/captured_log.h"
#include "tests/support/compare.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

TEST(Optimizer, NamesWithoutDecay) {
  for (const char* name : {"encoder.0.norm1.weight", "decoder_norm.weight", "fc1.bias", "block.ls1.gamma"})
    EXPECT_FALSE(has_weight_decay(name)) << name;
  for (const char* name : {"encoder.0.attn.qkv.weight", "mask_token", "encoder_embeddings.caption.mod_emb"})
    EXPECT_TRUE(has_weight_decay(name)) << name;
}

// Three updates of two weights, by the formulas of the paper, in double.
TEST(Optimizer, MatchesAdamWByHand) {
  SeedSource source(7, at::kDouble);
  Parameters parameters;
  const Scope scope(parameters, source);
  const Tensor w = scope.parameter("w", {2}, Init::normal(1)), b = scope.parameter("x.bias", {1}, Init::normal(1)),
               unused = scope.parameter("unused", {1}, Init::ones());
  parameters.make_trainable();
  const OptimizerConfig config{.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.05, .clip_norm = 4};
  AdamW optimizer(parameters, config);

  double value[3] = {w[0].item<double>(), w[1].item<double>(), b[0].item<double>()};
  double mean[3] = {}, square[3] = {};
  for (int t = 1; t <= 3; ++t) {
    // Gradients 8 t (1, 2, 2): length 24 t, clipped to 4.
    const double lr = 0.1 / t;
    (8.0 * t * (w[0] + 2 * w[1] + 2 * b[0])).backward();
    const Tensor norm = optimizer.gradient_norm();
    EXPECT_NEAR(norm.item<double>(), 24.0 * t, 1e-12);
    optimizer.step(lr, norm);
    optimizer.clear_gradients();
    for (int i = 0; i < 3; ++i) {
      const double g = 8.0 * t * (i ? 2 : 1) / static_cast<float>(norm.item<double>() / 4);
      if (i < 2) value[i] -= lr * 0.05 * value[i];
      mean[i] = 0.9 * mean[i] + 0.1 * g;
      square[i] = 0.95 * square[i] + 0.05 * g * g;
      value[i] -= lr * (mean[i] / (1 - std::pow(0.9, t))) / (std::sqrt(square[i] / (1 - std::pow(0.95, t))) + 1e-8);
    }
  }
  EXPECT_NEAR(w[0].item<double>(), value[0], 1e-12);
  EXPECT_NEAR(w[1].item<double>(), value[1], 1e-12);
  EXPECT_NEAR(b[0].item<double>(), value[2], 1e-12);
  EXPECT_EQ(unused.item<double>(), 1) << "a tensor without a gradient is neither moved nor decayed";
}

// Two groups of weight decay, warm-up, cosine decay, clipping, and a tensor whose gradient is absent in two steps
// (adamw_expected.py writes the values).
TEST(Optimizer, TenStepsEqualThoseOfPyTorch) {
  const auto expected = test::read_all(fs::path(FOURM_SOURCE_DIR) / "tests" / "train" / "adamw_expected.safetensors");
  SeedSource source(7);
  Parameters parameters;
  const Scope scope(parameters, source);
  for (const auto& [name, start] : expected)
    if (name.starts_with("start.")) scope.parameter(name.substr(6), start.sizes(), Init::constant(start));
  ASSERT_EQ(parameters.entries().size(), 4u);
  parameters.make_trainable();
  AdamW optimizer(parameters, {.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1, .clip_norm = 1.5});
  const Schedule schedule({.lr = 0.05, .lr_end = 0.002, .warmup_steps = 3}, 10);
  for (int step = 0; step < 10; ++step) {
    for (const auto& entry : parameters.entries())
      if (const auto gradient = expected.find(concat("gradient.", step, ".", entry.name)); gradient != expected.end())
        Tensor(entry.value).mutable_grad() = gradient->second.clone();
    const double rate = schedule(step);
    const Tensor norm = optimizer.gradient_norm();
    EXPECT_NEAR(rate, expected.at("rates")[step].item<double>(), 1e-15) << step;
    EXPECT_NEAR(norm.item<double>(), expected.at("norms")[step].item<double>(), 1e-6) << step;
    optimizer.step(rate, norm);
    optimizer.clear_gradients();
    for (const auto& entry : parameters.entries())
      test::expect_close(concat(entry.name, " after step ", step), entry.value.detach(),
                         expected.at(concat("value.", step, ".", entry.name)), 1e-6);
  }
}

TEST(Optimizer, AStepWhoseGradientIsNotFiniteChangesNothing) {
  SeedSource source(7);
  Parameters parameters;
  const Tensor w = Scope(parameters, source).parameter("w", {3}, Init::normal(1));
  parameters.make_trainable();
  AdamW optimizer(parameters, {.weight_decay = 0.1, .clip_norm = 1});
  const auto step = [&](double gradient) {
    w.mutable_grad() = at::full({3}, gradient);
    optimizer.step(0.1, optimizer.gradient_norm());
    return w.detach().clone();
  };
  const Tensor before = step(0.5);
  std::map<std::string, Tensor> state;
  for (const auto& [name, value] : optimizer.state()) state[name] = value.clone();
  for (const double gradient : {std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_TRUE(at::equal(step(gradient), before)) << gradient;
  for (const auto& [name, value] : optimizer.state()) EXPECT_TRUE(at::equal(value, state.at(name))) << name;
  EXPECT_FALSE(at::equal(step(0.5), before));
}

// As get_num_layer_for_fm of the original counts them.
TEST(Optimizer, LayersBelowLearnMoreSlowly) {
  const std::vector<std::string> names{"encoder_embeddings.rgb@224.proj.weight",
                                       "register_tokens",
                                       "encoder.0.norm1.weight",
                                       "encoder.1.mlp.fc1.weight",
                                       "encoder_norm.weight",
                                       "decoder_proj_context.weight",
                                       "mask_token",
                                       "decoder_embeddings.det.mod_emb",
                                       "decoder.0.norm1.weight",
                                       "decoder.2.mlp.fc1.weight",
                                       "decoder_norm.weight",
                                       "decoder_embeddings.det.to_logits.weight",
                                       "head.weight"};
  const std::vector<int> below{6, 6, 5, 4, 4, 4, 4, 4, 3, 1, 0, 0, 0};
  const auto rates = layer_rates(names, 0.5);
  for (size_t i = 0; i < names.size(); ++i) EXPECT_DOUBLE_EQ(rates[i], std::pow(0.5, below[i])) << names[i];
  // An encoder with a head: its norm is above its blocks.
  EXPECT_EQ(
      layer_rates({"encoder_embeddings.a", "encoder.0.x", "encoder.1.x", "encoder_norm.weight", "head.bias"}, 0.5),
      (std::vector<double>{0.125, 0.25, 0.5, 1, 1}));
  EXPECT_EQ(layer_rates({"encoder.blocks.0.x", "decoder.x"}, 1), (std::vector<double>{1, 1}));
  EXPECT_THROW(layer_rates({"encoder.blocks.0.x", "decoder.x"}, 0.5), Error);
}

// With a decay, each tensor moves as a model at its own rate does.
TEST(Optimizer, EachLayerHasItsRate) {
  const auto moved = [](double decay, double lr, const std::string& name) {
    SeedSource source(7);
    Parameters parameters;
    const Scope scope(parameters, source);
    for (const char* each : {"encoder.0.fc1.weight", "encoder.1.fc1.weight", "head.bias"})
      scope.parameter(each, {3}, Init::normal(1));
    parameters.make_trainable();
    AdamW optimizer(parameters, {.weight_decay = 0.1, .layer_decay = decay});
    for (int step = 0; step < 3; ++step) {
      for (const auto& entry : parameters.entries()) Tensor(entry.value).mutable_grad() = entry.value.detach().sin();
      optimizer.step(lr, optimizer.gradient_norm());
    }
    return parameters.find(name).detach().clone();
  };
  EXPECT_TRUE(at::equal(moved(0.5, 0.4, "encoder.0.fc1.weight"), moved(1, 0.1, "encoder.0.fc1.weight")));
  EXPECT_TRUE(at::equal(moved(0.5, 0.4, "encoder.1.fc1.weight"), moved(1, 0.2, "encoder.1.fc1.weight")));
  EXPECT_TRUE(at::equal(moved(0.5, 0.4, "head.bias"), moved(1, 0.4, "head.bias")));
}

TEST(Optimizer, AnAverageMayStay) {
  SeedSource source(7);
  Parameters parameters;
  const Tensor w = Scope(parameters, source).parameter("w", {1}, Init::ones());
  parameters.make_trainable();
  WeightAverage average(parameters, 0.75);
  w.detach().fill_(5);
  average.update_where(at::zeros({}, at::kBool));
  EXPECT_EQ(average.state()[0].second.item<double>(), 1);
  average.update_where(at::ones({}, at::kBool));
  EXPECT_EQ(average.state()[0].second.item<double>(), 2);
}

TEST(Optimizer, AverageIsExponential) {
  SeedSource source(7, at::kDouble);
  Parameters parameters;
  const Tensor w = Scope(parameters, source).parameter("w", {1}, Init::ones());
  parameters.make_trainable();
  WeightAverage average(parameters, 0.75);
  w.detach().fill_(5);
  average.update();
  average.swap();
  EXPECT_DOUBLE_EQ(w.item<double>(), 2);
  average.swap();
  EXPECT_DOUBLE_EQ(w.item<double>(), 5);
}

TEST(Optimizer, TheAverageHoldsBuffersToo) {
  SeedSource source(7, at::kDouble), integers(7, at::kLong);
  Parameters parameters;
  Scope(parameters, source).parameter("w", {1}, Init::ones());
  Scope(parameters, source).buffer("usage", {1}, Init::zeros());
  Scope(parameters, integers).buffer("count", {1}, Init::zeros());
  parameters.make_trainable();
  const Tensor usage = parameters.find("usage"), count = parameters.find("count");
  WeightAverage average(parameters, 0.75);
  usage.fill_(4);
  average.update();  // the average of a buffer begins here
  usage.fill_(8);
  count.fill_(3);
  average.update();
  average.swap();
  EXPECT_DOUBLE_EQ(usage.item<double>(), 5);
  EXPECT_EQ(count.item<int64_t>(), 3) << "integers have no average";
  average.swap();
  EXPECT_DOUBLE_EQ(usage.item<double>(), 8);

  const test::TemporaryFolder temporary;
  const fs::path file = temporary / "average.safetensors";
  const auto after_update = [&](const NamedTensors& stored) {
    save_tensors(file, stored);
    WeightAverage loaded(parameters, 0.75);
    const test::CapturedLog captured;
    loaded.load(SafetensorsFile::open(file));
    const std::string messages = captured.text();
    EXPECT_EQ(messages.find("holds no averages of buffers") == messages.npos, stored.size() > 1) << messages;
    usage.fill_(16);
    loaded.update();
    const double value = loaded.state()[1].second.item<double>();
    usage.fill_(8);
    return value;
  };
  EXPECT_DOUBLE_EQ(after_update(average.state()), 0.75 * 5 + 0.25 * 16);
  EXPECT_DOUBLE_EQ(after_update({average.state()[0]}), 0.75 * 8 + 0.25 * 16) << "a checkpoint of an earlier version";
}

TEST(Optimizer, RefusesWhatCannotBe) {
  SeedSource source(7);
  Parameters parameters;
  Scope(parameters, source).parameter("w", {1}, Init::ones());
  EXPECT_THROW(AdamW(parameters, {}), Error) << "nothing asks for gradients";
  parameters.make_trainable();
  EXPECT_THROW(AdamW(parameters, {.beta1 = 1}), Error);
  EXPECT_THROW(WeightAverage(parameters, 1.5), Error);
}

}  // namespace
}  // namespace fourm
