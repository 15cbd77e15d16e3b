#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/stopped.h"
#include "fourm/tokenizer/diffusion_decoder.h"
#include "fourm/tokenizer/image_tokenizer.h"
#include "fourm/tokenizer/losses.h"
#include "fourm/tokenizer/tiling.h"
#include "fourm/tokenizer/vqvae.h"
#include "tests/support/small_tokenizers.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TokenizerConfig small_divae() { return test::small_diffusion_tokenizer(); }

// Fresh UNets give zeros (their last layers start there): here every weight says something.
Tokenizer lively_divae(const TokenizerConfig& config = small_divae()) {
  Tokenizer tokenizer = Tokenizer::create(config, 1);
  SeedSource source(2);
  for (const auto& entry : tokenizer.parameters().entries())
    if (entry.is_parameter && entry.name.starts_with("decoder.") && entry.value.dim() > 1)
      entry.value.copy_(source.get(entry.name, entry.value.sizes(), Init::normal(0.05)));
  return tokenizer;
}

Tensor some_tokens(int64_t batch, int64_t h, int64_t w) {
  return at::arange(batch * h * w, at::kLong).remainder(32).view({batch, h, w});
}

double largest(const Tensor& x) { return x.abs().max().item<double>(); }

TEST(NoiseSchedule, EndsWithoutImageAndFallsAllTheWay) {
  for (const char* name : {"linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "shifted_cosine:0.5"}) {
    const NoiseSchedule schedule(name, 1000, true);
    EXPECT_EQ(schedule.alpha_bar(999), 0) << name;
    EXPECT_GT(schedule.alpha_bar(0), 0.99) << name;
    EXPECT_EQ(schedule.alpha_bar(-1), 1) << name;
    const Tensor fall = schedule.alpha_bar().slice(0, 1) - schedule.alpha_bar().slice(0, 0, -1);
    EXPECT_LE(fall.max().item<double>(), 0) << name;
  }
  EXPECT_GT(NoiseSchedule("linear", 1000, false).alpha_bar(999), 0);
  EXPECT_THROW(NoiseSchedule("cosine", 1000, true), Error);
  EXPECT_THROW(NoiseSchedule("shifted_cosine:x", 1000, true), Error);
}

TEST(TimeSteps, FallAndHaveTheAskedCount) {
  const NoiseSchedule schedule("linear", 1000, true);
  DecodeOptions options;
  for (options.steps = 1; options.steps <= 100; ++options.steps) {
    const auto visited = time_steps(schedule, options);
    EXPECT_EQ(static_cast<int64_t>(visited.size()), options.steps);
    EXPECT_EQ(visited.front(), 999);
    for (size_t i = 1; i < visited.size(); ++i) EXPECT_LT(visited[i], visited[i - 1]);
    EXPECT_GE(visited.back(), 0);
  }
  EXPECT_EQ(time_steps(1000, 6, "trailing").size(), 7u);  // as in the original
  EXPECT_THROW(time_steps(1000, 1001, "trailing"), Error);
}

// For images drawn from N(0, s^2) the best denoiser and the way from noise to image are known: x0 = s * noise.
double error_on_gaussian(const DecodeOptions& options, double s) {
  const NoiseSchedule schedule("linear", 1000, true);
  const auto visited = time_steps(schedule, options);
  const auto predict = [&](const Tensor& noisy, int64_t i) {
    const double a = schedule.alpha_bar(visited[i]);
    const Tensor x0 = std::sqrt(a) * s * s / (a * s * s + 1 - a) * noisy;
    return Denoised{x0, noise_of(schedule, noisy, x0, visited[i])};
  };
  const Tensor noise = at::ones({1, 1, 1, 1});
  return std::abs(denoise(schedule, options, noise, predict, [](int64_t) { return Tensor(); }).item<double>() / s - 1);
}

TEST(Solvers, FewDpmStepsBeatManyDdimSteps) {
  for (const double s : {0.1, 0.25, 0.5}) {
    EXPECT_LT(error_on_gaussian({.solver = "dpm++", .steps = 8}, s),
              error_on_gaussian({.solver = "ddim", .steps = 50}, s));
    EXPECT_LT(error_on_gaussian({.solver = "ddim", .steps = 500}, s),
              error_on_gaussian({.solver = "ddim", .steps = 50}, s));
  }
  EXPECT_LT(error_on_gaussian({.solver = "dpm++", .steps = 50}, 0.5), 0.01);
}

TEST(Solvers, AnExactEstimateGivesTheImageInOneStepOrMany) {
  const NoiseSchedule schedule("squaredcos_cap_v2", 1000, true);
  SeedSource source(1);
  const Tensor image = source.get("x", {1, 3, 4, 4}, Init::normal(0.5)),
               noise = source.get("n", {1, 3, 4, 4}, Init::normal(1));
  for (const char* solver : {"dpm++", "ddim", "ddpm"})
    for (const int64_t steps : {1, 3, 10}) {
      DecodeOptions options{.solver = solver, .steps = steps};
      const auto visited = time_steps(schedule, options);
      const Tensor found = denoise(
          schedule, options, noise,
          [&](const Tensor& noisy, int64_t i) {
            return Denoised{image, noise_of(schedule, noisy, image, visited[i])};
          },
          [&](int64_t) { return noise; });
      EXPECT_LT(largest(found - image), 1e-5) << solver << steps;
    }
}

TEST(Solvers, PredictionsOfOneTruthAgree) {
  const NoiseSchedule schedule("linear", 1000, true);
  SeedSource source(1);
  const Tensor x0 = source.get("x", {1, 3, 4, 4}, Init::normal(0.3)),
               noise = source.get("n", {1, 3, 4, 4}, Init::normal(1));
  for (const int64_t t : {0, 100, 500, 998}) {
    const Tensor at_t = at::full({1}, t, at::kLong), noisy = schedule.add_noise(x0, noise, at_t);
    for (const auto& [prediction, output] : {std::pair(Prediction::kSample, x0),
                                             {Prediction::kNoise, noise},
                                             {Prediction::kVelocity, schedule.velocity(x0, noise, at_t)}}) {
      const Denoised found = estimate(schedule, prediction, {}, noisy, output, t);
      EXPECT_LT(largest(found.x0 - x0), 2e-2) << t;  // at t = 998 the image is a thousandth of what is seen
      EXPECT_LT(largest(found.noise - noise), 2e-2) << t;
    }
  }
  const Denoised of_pure_noise = estimate(schedule, Prediction::kNoise, {}, noise, noise, 999);
  EXPECT_EQ(largest(of_pure_noise.x0), 0);
}

TEST(Tiling, BlendsLocalFunctionsToTheWhole) {
  SeedSource source(1);
  const Tensor image = source.get("x", {2, 3, 320, 224}, Init::normal(1));
  const auto blur = [](const Tensor& x) { return at::avg_pool2d(x, {9, 9}, {1, 1}, {4, 4}, false, false); };
  for (const int64_t side : {0, 64, 128, 192, 1024}) {
    const Tiling tiling(320, 224, side, 32);
    EXPECT_LT(largest(tiling.blend([&](const Tile& t) { return t.of(image).clone(); }) - image), 1e-5) << side;
    // A tile is wrong within 4 pixels of its edges; that is less than the context that does not count.
    EXPECT_LT(largest(tiling.blend([&](const Tile& t) { return blur(t.of(image)); }) - blur(image)), 1e-5) << side;
  }
  EXPECT_EQ(Tiling(320, 224, 0, 32).tiles().size(), 1u);
  EXPECT_GT(Tiling(320, 224, 128, 32).tiles().size(), 4u);
}

TEST(Tiling, NeighboursThatDisagreeMeetInARamp) {
  const Tiling tiling(128, 512, 128, 32);
  double value = 0;
  const Tensor row = tiling.blend([&](const Tile& t) {
    return at::full({1, 1, t.height, t.width}, ++value);
  })[0][0][64];
  EXPECT_LT(largest(row.slice(0, 1) - row.slice(0, 0, -1)), 0.1);
}

TEST(DiffusionDecoder, AImageDependsOnItsTokensAndTheSeedAlone) {
  const Tokenizer tokenizer = lively_divae();
  const Tensor tokens = some_tokens(3, 4, 4);
  const Tensor all = tokenizer.decode_tokens(tokens, {.steps = 3, .seed = 5});
  for (int64_t i = 0; i < 3; ++i) {
    const Tensor alone = tokenizer.decode_tokens(tokens.slice(0, i, i + 1), {.steps = 3, .seed = 5});
    EXPECT_LT(largest(alone[0] - all[i]), 1e-4);
  }
  EXPECT_TRUE(at::equal(all, tokenizer.decode_tokens(tokens, {.steps = 3, .seed = 5})));
  EXPECT_GT(largest(all - tokenizer.decode_tokens(tokens, {.steps = 3, .seed = 6})), 1e-3);
  EXPECT_GT(largest(all[0] - all[1]), 1e-3);
}

TEST(DiffusionDecoder, ReportsItsStepsAndStops) {
  const Tokenizer tokenizer = lively_divae();
  const Tensor tokens = some_tokens(1, 4, 4);
  for (const char* solver : {"dpm++", "ddim", "ddpm"}) {
    std::vector<int64_t> reported;
    DecodeOptions options{.solver = solver, .steps = 4};
    const Tensor silent = tokenizer.decode_tokens(tokens, options);
    options.on_step = [&](int64_t step, int64_t steps) {
      EXPECT_EQ(steps, 4);
      reported.push_back(step);
      return true;
    };
    EXPECT_TRUE(at::equal(tokenizer.decode_tokens(tokens, options), silent));
    EXPECT_EQ(reported, (std::vector<int64_t>{1, 2, 3, 4})) << solver;
    int64_t last = 0;
    options.on_step = [&](int64_t step, int64_t) { return (last = step) < 2; };
    EXPECT_THROW(tokenizer.decode_tokens(tokens, options), Stopped);
    EXPECT_EQ(last, 2);
  }
}

TEST(DiffusionDecoder, AnyGridAndAnyTile) {
  TokenizerConfig c = small_divae();
  c.presets["unet_small"].channel_mult = {1, 1, 1};  // multiples of 16 pixels, patches of 8
  const Tokenizer tokenizer = Tokenizer::create(c, 1);
  for (const auto& [h, w] : {std::pair(1, 1), {3, 2}, {5, 7}})
    EXPECT_EQ(tokenizer.decode_tokens(some_tokens(1, h, w), {.steps = 2}).sizes(),
              at::IntArrayRef({1, 3, 8 * h, 8 * w}));
  const Tokenizer lively = lively_divae();
  const Tensor tokens = some_tokens(1, 12, 12), whole = lively.decode_tokens(tokens, {.steps = 2});
  EXPECT_TRUE(at::equal(whole, lively.decode_tokens(tokens, {.steps = 2, .tile = 96})));
  const Tensor tiled = lively.decode_tokens(tokens, {.steps = 2, .tile = 32});
  EXPECT_EQ(tiled.sizes(), whole.sizes());
  EXPECT_TRUE(at::isfinite(tiled).all().item<bool>());
}

TEST(DiffusionDecoder, EverySolverSpacingAndPredictionStaysFinite) {
  for (const char* prediction : {"sample", "epsilon", "v_prediction", "v_prediction-epsilon_loss"}) {
    TokenizerConfig c = small_divae();
    c.prediction_type = prediction;
    const Tokenizer tokenizer = Tokenizer::create(c, 1);
    for (const char* solver : {"dpm++", "ddim", "ddpm"})
      for (const char* spacing : {"auto", "trailing", "leading", "linspace", "logsnr"}) {
        const Tensor x =
            tokenizer.decode_tokens(some_tokens(1, 4, 4), {.solver = solver, .spacing = spacing, .steps = 5});
        EXPECT_TRUE(at::isfinite(x).all().item<bool>()) << prediction << solver << spacing;
      }
  }
  const Tokenizer tokenizer = Tokenizer::create(small_divae(), 1);
  EXPECT_THROW(tokenizer.decode_tokens(some_tokens(1, 4, 4), {.solver = "euler"}), Error);
  EXPECT_THROW(tokenizer.decode_tokens(some_tokens(1, 4, 4), {.steps = 1001}), Error);
}

// Draws that hide tokens always, keeping two of them.
TEST(DiffusionDecoder, HiddenTokensDoNotMatter) {
  const Tokenizer tokenizer = lively_divae();
  const auto& decoder = dynamic_cast<const DiffusionDecoder&>(*tokenizer.decoder());
  const Tensor noisy = SeedSource(3).get("x", {1, 3, 32, 32}, Init::normal(1)), t = at::full({1}, 300, at::kLong);
  Tensor hidden = at::ones({1, 4, 4}, at::kBool);
  const Tensor a = tokenizer.quantised(some_tokens(1, 4, 4)).image(),
               b = tokenizer.quantised(some_tokens(1, 4, 4) + 7).image();
  const NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(decoder.output(noisy, t, a, hidden), decoder.output(noisy, t, b, hidden)));
  hidden[0][1][1] = false;
  EXPECT_GT(largest(decoder.output(noisy, t, a, hidden) - decoder.output(noisy, t, b, hidden)), 1e-4);
}

// masked_cfg_high 0 keeps no token; unset it may keep all of them.
TEST(DiffusionDecoder, NoTokenIsKeptWhereTheMostIsZero) {
  TokenizerConfig c = small_divae();
  c.cls_free_guidance_dropout = 1;
  c.masked_cfg = true;
  const auto depends_on_tokens = [&] {
    const Tokenizer tokenizer = lively_divae(c);
    const Tensor x = SeedSource(3).get("x", {4, 3, 32, 32}, Init::normal(1));
    const NoGradGuard no_grad;
    const auto output = [&](const Tensor& tokens) {
      SeededDraws draws(1, 0);
      return tokenizer.decoder()->train(tokenizer.quantised(tokens), x, draws).output;
    };
    return !at::equal(output(some_tokens(4, 4, 4)), output((some_tokens(4, 4, 4) + 7).remainder(32)));
  };
  EXPECT_TRUE(depends_on_tokens());
  c.masked_cfg_high = 0;
  EXPECT_FALSE(depends_on_tokens());
}

TEST(DiffusionDecoder, LearnsToDecodeABatch) {
  for (const double hidden : {0.0, 0.3}) {
    TokenizerConfig c = small_divae();
    c.cls_free_guidance_dropout = hidden;
    c.masked_cfg = hidden > 0;
    c.masked_cfg_high = 8;
    Tokenizer tokenizer = Tokenizer::create(c, 1);
    tokenizer.parameters().make_trainable();
    // Images of flat patches, which tokens can tell.
    const Tensor x =
        at::upsample_nearest2d(SeedSource(2).get("x", {4, 3, 4, 4}, Init{Init::kUniform, 1, {}}), {32, 32});
    const auto error = [&] {
      return at::mse_loss(tokenizer.decode_tokens(tokenizer.encode(x), {.steps = 4}), x).item<double>();
    };
    const double before = error();
    constexpr uint64_t kSteps = 120;
    for (uint64_t step = 0; step < kSteps; ++step) {
      // Smaller and smaller steps, since signs alone do not settle.
      const double rate = 3e-3 * static_cast<double>(kSteps - step) / kSteps;
      SeededDraws draws(1, step);
      const auto out = tokenizer.train_forward(x, draws);
      (reconstruction_loss("mse", out.output, out.target) + out.code_loss).sum().backward();
      const NoGradGuard no_grad;
      for (Tensor& parameter : tokenizer.parameters().parameters()) {
        if (parameter.grad().defined()) parameter.sub_(parameter.grad().sign(), rate);
        parameter.mutable_grad().reset();
      }
    }
    EXPECT_LT(error(), 0.15 * before) << hidden;
  }
}

TEST(DiffusionConfig, TheDecoderNameTellsTheClass) {
  TokenizerConfig c;
  read_config(parse_yaml("{dec_type: unet_patched, beta_schedule: linear, prediction_type: sample}", "x"), c, "x");
  EXPECT_EQ(c.kind(), TokenizerClass::kDiVae);
  EXPECT_EQ(c.beta_schedule, "linear");
  EXPECT_EQ(tokenizer_config(parse_yaml("{beta_schedule: linear}", "x"), "x").dec_type, "unet_patched");
  c.n_labels = 5;
  EXPECT_THROW(c.validate("x"), Error);
}

TEST(DiffusionConfig, TensorsTellTheClassToo) {
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "tokenizer";
  TokenizerConfig c = small_divae();
  c.presets["unet_patched"] = c.presets["unet_small"];
  c.dec_type = "unet_patched";
  Tokenizer::create(c, 1).save(folder);
  Json config = read_json(folder / "config.json");
  for (const char* key : {"dec_type", "beta_schedule"}) config.erase(key);
  write_json(folder / "config.json", config);
  const TokenizerConfig read = TokenizerFiles::open(folder).config;
  EXPECT_EQ(read.kind(), TokenizerClass::kDiVae);
  EXPECT_EQ(read.prediction_type, "sample");
}

TEST(TokenizerFiles, AMissingFolderIsOneError) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(TokenizerFiles::open(folder / "no such tokenizer"), Error);
}

TEST(DiffusionConfig, SavesAndLoads) {
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "tokenizer";
  const Tokenizer made = lively_divae();
  made.save(folder);
  const Tokenizer again = Tokenizer::open(folder);
  const Tensor tokens = some_tokens(1, 4, 4);
  EXPECT_TRUE(at::equal(made.decode_tokens(tokens, {.steps = 2}), again.decode_tokens(tokens, {.steps = 2})));
}

}  // namespace
}  // namespace fourm
