// Every kind of tokenizer on the device beside the CPU: tokens, decoded images and training.
#include "fourm/kernels/precision_scope.h"
#include "fourm/tokenizer/losses.h"
#include "fourm/tokenizer/vqvae.h"
#include "fourm/train/optimizer.h"
#include "fourm/train/tokenizer_training.h"
#include "tests/support/compare.h"
#include "tests/support/fake_device.h"
#include "tests/support/small_tokenizers.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

using test::fake_device;
using test::take_counts;
using test::wave;

TokenizerConfig image_tokenizer() {
  TokenizerConfig c = test::small_image_tokenizer();
  c.post_mlp = c.out_conv = true;
  return c;
}

TokenizerConfig label_tokenizer() {
  TokenizerConfig c = test::small_image_tokenizer();
  c.n_labels = 5;
  c.n_channels = 4;
  return c;
}

TokenizerConfig codebooks_tokenizer() {
  TokenizerConfig c = test::small_image_tokenizer();
  c.num_codebooks = 2;
  c.norm_latents = true;
  return c;
}

// A codebook by distance, from k-means, whose unused codes become vectors of the batch.
TokenizerConfig distance_tokenizer() {
  TokenizerConfig c = test::small_image_tokenizer();
  c.norm_codes = false;
  c.kmeans_init = true;
  c.threshold_ema_dead_code = 3;
  return c;
}

// Unused codes become copies of popular ones.
TokenizerConfig splitting_tokenizer() {
  TokenizerConfig c = test::small_image_tokenizer();
  c.kmeans_init = true;
  c.threshold_ema_dead_code = 3;
  c.code_replacement_policy = "linde_buzo_gray";
  return c;
}

TokenizerConfig vector_tokenizer() { return test::small_vector_tokenizer(4); }

TokenizerConfig diffusion_tokenizer(const std::string& prediction = "v_prediction") {
  TokenizerConfig c = test::small_image_tokenizer();
  c.dec_type = "unet_small";
  c.beta_schedule = "linear";
  c.prediction_type = prediction;
  c.cls_free_guidance_dropout = 0.5;
  c.masked_cfg = true;
  c.presets["unet_small"] = {.kind = "unet_patched",
                             .patch_size = 4,
                             .model_channels = 32,
                             .num_res_blocks = 1,
                             .attention_resolutions = {2},
                             .channel_mult = {1, 1}};
  return c;
}

struct TokenizerCase {
  const char* name;
  TokenizerConfig (*config)();
};

// Fresh UNets give zeros, since their last layers start there.
void enliven(Tokenizer& tokenizer) {
  if (tokenizer.config().kind() != TokenizerClass::kDiVae) return;
  SeedSource source(2);
  for (const auto& entry : tokenizer.parameters().entries())
    if (entry.is_parameter && entry.name.starts_with("decoder.") && entry.value.dim() > 1)
      Tensor(entry.value).copy_(source.get(entry.name, entry.value.sizes(), Init::normal(0.05)));
}

Tensor inputs(const TokenizerConfig& c, double pace = 0.37) {
  constexpr int64_t kBatch = 4;
  if (c.n_labels) return (wave({kBatch, 32, 32}, pace).abs() * 100).to(at::kLong).remainder(*c.n_labels);
  const int64_t side = c.patch_proj ? 32 : 4;
  return wave({kBatch, c.n_channels, side, side}, pace);
}

Tensor loss_of(const TokenizerConfig& c, const Tokenizer::Training& step) {
  return (reconstruction_loss(c.n_labels ? "cross_entropy" : "mse", step.output, step.target) + step.code_loss).sum();
}

struct TrainedTokenizer {
  std::vector<double> losses;
  Tensor tokens;
  std::map<std::string, Tensor> weights;
  test::DeviceCounts last_step;
};

TrainedTokenizer train(const TokenizerConfig& config, at::Device device, Precision precision = Precision::kF32) {
  Tokenizer tokenizer = Tokenizer::create(config, 1, device);
  enliven(tokenizer);
  tokenizer.parameters().make_trainable();
  AdamW optimizer(tokenizer.parameters(), {.epsilon = 1e-3});  // see transformer_test.cpp
  TrainedTokenizer trained;
  for (uint64_t step = 0; step < 3; ++step) {
    take_counts();
    SeededDraws draws(3, step), restarts(3, step, "codebook");
    Tensor loss;
    {
      const PrecisionScope scope(precision, device);
      const auto made = tokenizer.train_forward(inputs(config, 0.3 + 0.1 * static_cast<double>(step)), draws);
      loss = loss_of(config, made);
    }
    loss.backward();
    tokenizer.quantizer().update(restarts);
    optimizer.step(1e-3, optimizer.gradient_norm());
    optimizer.clear_gradients();
    trained.last_step = take_counts();
    trained.losses.push_back(loss.item<double>());
  }
  trained.tokens = tokenizer.encode(inputs(config)).cpu();
  for (const auto& entry : tokenizer.parameters().entries())
    trained.weights[entry.name] = entry.value.detach().cpu().clone();
  return trained;
}

class DeviceTokenizer : public testing::TestWithParam<TokenizerCase> {
 protected:
  TokenizerConfig config = GetParam().config();
};

TEST_P(DeviceTokenizer, EncodesAndDecodesAsOnTheCpu) {
  const test::TemporaryFolder folder;
  Tokenizer saved = Tokenizer::create(config, 1);
  enliven(saved);
  saved.save(folder.path());
  const auto run = [&](const Compute& compute) {
    const Tokenizer tokenizer = Tokenizer::open(folder.path(), compute);
    const Tensor tokens = tokenizer.encode(inputs(config));
    const DecodeOptions options{.steps = 3};
    return std::tuple{tokens.cpu(), tokenizer.decode_tokens(tokens, options).cpu()};
  };
  const auto [tokens, images] = run({});
  for (const Compute& compute :
       {Compute::for_training(fake_device()), Compute::for_inference(Precision::kF32, fake_device()),
        Compute::for_reference(fake_device())}) {
    const auto [found_tokens, found_images] = run(compute);
    test::expect_equal("tokens", found_tokens, tokens);
    // Diffusion from pure noise divides by the share of the image, which begins at 0.
    test::expect_close("images", found_images, images, config.kind() == TokenizerClass::kDiVae ? 1e-4 : 1e-5);
  }
  const auto narrow = run(Compute::for_inference(Precision::kBf16, fake_device()));
  EXPECT_EQ(std::get<0>(narrow).sizes(), tokens.sizes());
  EXPECT_EQ(std::get<1>(narrow).scalar_type(), at::kFloat);
  EXPECT_TRUE(at::isfinite(std::get<1>(narrow)).all().item<bool>());
}

TEST_P(DeviceTokenizer, LearnsAsOnTheCpu) {
  const TrainedTokenizer found = train(config, fake_device()), expected = train(config, at::kCPU);
  for (size_t i = 0; i < expected.losses.size(); ++i)
    EXPECT_NEAR(found.losses[i], expected.losses[i], 1e-5 * std::max(1.0, expected.losses[i])) << "loss " << i;
  test::expect_equal("tokens", found.tokens, expected.tokens);
  for (const auto& [name, weight] : expected.weights)
    test::expect_close(name, found.weights.at(name), weight, 1e-5 * std::max(1.0, weight.abs().max().item<double>()));
}

TEST_P(DeviceTokenizer, LearnsInBfloat16) {
  const TrainedTokenizer found = train(config, fake_device(), Precision::kBf16), expected = train(config, at::kCPU);
  EXPECT_NEAR(found.losses[0], expected.losses[0], 5e-2 * std::max(1.0, expected.losses[0]));
}

// Only the number of codes that are restarted is read.
TEST_P(DeviceTokenizer, TheHostHardlyWaitsInTraining) {
  const TrainedTokenizer trained = train(config, fake_device());
  EXPECT_LE(trained.last_step.waits, config.quant_type == "lucid" ? 1 : 0);
  EXPECT_EQ(trained.last_step.downloads, 0);
  EXPECT_EQ(trained.last_step.scalar_reads, 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, DeviceTokenizer,
    testing::Values(TokenizerCase{"Images", image_tokenizer}, TokenizerCase{"Labels", label_tokenizer},
                    TokenizerCase{"Codebooks", codebooks_tokenizer}, TokenizerCase{"Distance", distance_tokenizer},
                    TokenizerCase{"Splitting", splitting_tokenizer}, TokenizerCase{"Vectors", vector_tokenizer},
                    TokenizerCase{"Diffusion", [] { return diffusion_tokenizer(); }},
                    TokenizerCase{"DiffusionOfImages", [] { return diffusion_tokenizer("sample"); }},
                    TokenizerCase{"DiffusionOfNoise", [] { return diffusion_tokenizer("epsilon"); }},
                    TokenizerCase{"DiffusionOfNoiseByVelocity",
                                  [] { return diffusion_tokenizer("v_prediction-epsilon_loss"); }}),
    [](const auto& kind) { return kind.param.name; });

TEST(DeviceDiffusion, AllSolversAndTilesAsOnTheCpu) {
  const auto run = [](at::Device device, const DecodeOptions& options) {
    Tokenizer tokenizer = Tokenizer::create(diffusion_tokenizer(), 1, device);
    enliven(tokenizer);
    // 7 x 9 tokens are padded for the UNet.
    return tokenizer.decode_tokens(at::arange(63, at::kLong).remainder(16).view({1, 7, 9}), options).cpu();
  };
  for (const DecodeOptions& options :
       {DecodeOptions{.solver = "dpm++", .steps = 4}, DecodeOptions{.solver = "ddim", .steps = 3, .eta = 0.5},
        DecodeOptions{.solver = "ddpm", .steps = 3}, DecodeOptions{.solver = "dpm++", .steps = 2, .tile = 32}})
    test::expect_close(options.solver, run(fake_device(), options), run(at::kCPU, options), 1e-4);
}

class DeviceImageTokenizer : public testing::Test {
 protected:
  DeviceImageTokenizer() {
    config.input.emplace();
    for (int i = 0; i < 5; ++i) {
      Image image(32, 32, 3);
      for (int y = 0; y < 32; ++y)
        for (int x = 0; x < 32; ++x)
          for (int c = 0; c < 3; ++c) image.at(x, y)[c] = static_cast<uint8_t>((x * (i + 1) + y * (c + 2)) * 3 % 256);
      images.emplace_back(image);
    }
  }
  std::shared_ptr<const Tokenizer> tokenizer(at::Device device) const {
    return std::make_shared<const Tokenizer>(Tokenizer::create(config, 1, device));
  }

  TokenizerConfig config = test::small_image_tokenizer();
  std::vector<StoredImage> images;
};

TEST_F(DeviceImageTokenizer, MeasuresAreThoseOfTheCpu) {
  const auto expected = evaluate_tokenizer(ImageTokenizer(tokenizer(at::kCPU)), images);
  const auto found = evaluate_tokenizer(ImageTokenizer(tokenizer(fake_device())), images);
  ASSERT_EQ(found.measures.size(), expected.measures.size());
  for (const auto& [name, value] : expected.measures) EXPECT_NEAR(found.measures.at(name), value, 1e-2) << name;
}

TEST_F(DeviceImageTokenizer, DevicesShareTheBatches) {
  const ImageTokenizer alone(tokenizer(at::kCPU)), together({tokenizer(at::kCPU), tokenizer(fake_device())}, "");
  const auto expected = alone.encode(images), found = together.encode(images);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].tokens, expected[i].tokens) << i;
  EXPECT_EQ(together.decode(found).size(), images.size());
}

TEST(DeviceTokenizerFile, IsSavedAndLoadedOnEither) {
  const test::TemporaryFolder folder;
  const TokenizerConfig config = test::small_image_tokenizer();
  const Tokenizer there = Tokenizer::create(config, 1, fake_device()), here = Tokenizer::create(config, 1);
  for (const auto& name : {"folder", "file.safetensors"}) {
    there.save(folder / name);
    const Tokenizer loaded = Tokenizer::open(folder / name);
    for (const auto& entry : here.parameters().entries())
      test::expect_close(entry.name, loaded.parameters().find(entry.name), entry.value, 0);
  }
}

}  // namespace
}  // namespace fourm
