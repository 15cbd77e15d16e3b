// Training of the Transformer on the device beside the CPU's, and what the host and the device exchange for it.
#include "fourm/kernels/precision_scope.h"
#include "fourm/model/cross_entropy.h"
#include "fourm/model/model_file.h"
#include "fourm/train/initial_weights.h"
#include "fourm/train/trainer.h"
#include "tests/support/captured_log.h"
#include "tests/support/compare.h"
#include "tests/support/fake_device.h"
#include "tests/support/message_of.h"
#include "tests/support/small_model.h"
#include "tests/support/small_recipe.h"
#include "tests/support/small_transformer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

using test::fake_device;
using test::random_batch;
using test::small_transformer;
using test::take_counts;

FourM fresh(const ModelConfig& config, at::Device device) {
  FourM model = create_model(config, test::small_table(), 3, at::kFloat, device);
  model.parameters().make_trainable();
  return model;
}

struct Trained {
  std::vector<double> losses;
  test::TensorMap weights;  // on the CPU
  test::DeviceCounts counts;
};

Trained train(const ModelConfig& config, at::Device device, Precision precision = Precision::kF32,
              LossKind kind = LossKind::kModality, bool recomputes = false) {
  FourM model = fresh(config, device);
  model.checkpoint_activations(recomputes);
  // A gradient that is zero but for rounding would otherwise move its weight by the whole rate.
  AdamW optimizer(model.parameters(), {.epsilon = 1e-3, .clip_norm = 1});
  Trained trained;
  take_counts();
  for (int64_t step = 0; step < 3; ++step) {
    Tensor loss;
    {
      const PrecisionScope scope(precision, device);
      loss = model.loss(random_batch(config, 100 + static_cast<uint64_t>(step), 5), kind).total;
    }
    loss.backward();
    optimizer.step(5e-3, optimizer.gradient_norm());
    optimizer.clear_gradients();
    trained.losses.push_back(loss.item<double>());
  }
  trained.counts = take_counts();
  for (const auto& entry : model.parameters().entries())
    trained.weights[entry.name] = entry.value.detach().cpu().clone();
  return trained;
}

void expect_same(const Trained& found, const Trained& expected, double tolerance) {
  for (size_t i = 0; i < expected.losses.size(); ++i)
    EXPECT_NEAR(found.losses[i], expected.losses[i], tolerance * expected.losses[i]) << "loss " << i;
  for (const auto& [name, weight] : expected.weights) {
    const double largest = weight.abs().max().item<double>();
    test::expect_close(name, found.weights.at(name), weight, tolerance * std::max(1.0, largest));
  }
}

struct Option {
  const char* name;
  std::function<void(ModelConfig&)> set;
};

class DeviceTransformer : public testing::TestWithParam<Option> {
 protected:
  static ModelConfig config() {
    ModelConfig c = small_transformer();
    GetParam().set(c);
    return c;
  }
};

TEST_P(DeviceTransformer, LearnsAsOnTheCpu) {
  const Trained found = train(config(), fake_device());
  expect_same(found, train(config(), at::kCPU), 1e-6);
  EXPECT_GT(found.counts.calls("aten::_efficient_attention_backward"), 0);
}

TEST_P(DeviceTransformer, LearnsInBfloat16AsOnTheCpu) {
  const Trained found = train(config(), fake_device(), Precision::kBf16);
  expect_same(found, train(config(), at::kCPU, Precision::kBf16), 5e-3);
  EXPECT_GT(found.counts.calls("aten::_flash_attention_backward"), 0);
  EXPECT_EQ(found.counts.calls("aten::_efficient_attention_backward"), 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, DeviceTransformer,
    testing::Values(Option{"Plain", [](ModelConfig&) {}},
                    Option{"Causal", [](ModelConfig& c) { c.decoder_causal_mask = true; }},
                    Option{"Together", [](ModelConfig& c) { c.decoder_sep_mask = false; }},
                    Option{"CausalTogether",
                           [](ModelConfig& c) { c.decoder_causal_mask = true, c.decoder_sep_mask = false; }},
                    Option{"Registers", [](ModelConfig& c) { c.num_register_tokens = 2; }},
                    Option{"NormalisedQueries", [](ModelConfig& c) { c.qk_norm = true; }},
                    Option{"WithoutBiases", [](ModelConfig& c) { c.qkv_bias = c.proj_bias = c.mlp_bias = false; }},
                    Option{"OwnModalityEmbeddings", [](ModelConfig& c) { c.share_modality_embeddings = false; }},
                    Option{"Gelu",
                           [](ModelConfig& c) {
                             c.act_layer = "GELU";
                             c.gated_mlp = false;
                             c.norm_bias = true;
                           }}),
    [](const auto& option) { return option.param.name; });

TEST(DeviceLoss, AllKindsOfLosses) {
  for (const auto kind : {LossKind::kModalityPresent, LossKind::kToken, LossKind::kTokenByVocab})
    expect_same(train(small_transformer(), fake_device(), Precision::kF32, kind),
                train(small_transformer(), at::kCPU, Precision::kF32, kind), 1e-6);
}

TEST(DeviceLoss, IsTheSameWithCheckpointedActivations) {
  ModelConfig config = small_transformer();
  config.qk_norm = true;
  for (const auto precision : {Precision::kF32, Precision::kBf16})
    expect_same(train(config, fake_device(), precision, LossKind::kModality, /*recomputes=*/true),
                train(config, fake_device(), precision), 1e-6);
}

TEST(DeviceLoss, IsTheSameInSlices) {
  const auto run = [](at::Device device, int64_t rows) {
    const Tensor x = test::wave({23, 16}, 0.7).to(device).requires_grad_(),
                 weight = test::wave({40, 16}, 1.3).to(device).requires_grad_(),
                 targets = (at::arange(23, at::kLong) * 7).remainder(40).to(device);
    const Tensor loss = rows == 0 ? at::cross_entropy_loss(at::linear(x, weight), targets)
                                  : sliced_cross_entropy(x, weight, targets, rows);
    take_counts();
    loss.backward();
    EXPECT_EQ(take_counts().reads(), 0);
    return std::array{loss.detach().cpu(), x.grad().cpu(), weight.grad().cpu()};
  };
  const auto expected = run(at::kCPU, 0), found = run(fake_device(), 5);
  for (size_t i = 0; i < expected.size(); ++i)
    test::expect_close("result " + std::to_string(i), found[i], expected[i], 1e-6);
}

// Autocast's layer norm gives float32 queries and keys; attention still computes in bfloat16.
TEST(DeviceLoss, FlashAttentionIsUsedWithNormalisedQueries) {
  ModelConfig config = small_transformer();
  config.qk_norm = true;
  const FourM model = fresh(config, fake_device());
  const Batch batch = random_batch(config, 1, 4);
  const auto calls_of_a_step = [&] {
    take_counts();
    const PrecisionScope scope(Precision::kBf16, fake_device());
    model.loss(batch).total.backward();
    return take_counts();
  };
  calls_of_a_step();  // tries the kernels
  const auto counts = calls_of_a_step();
  // Self-attention of the decoder is one call for grids and one for sequences.
  const int64_t calls = config.encoder_depth + config.decoder_depth * (2 + 1);
  EXPECT_EQ(counts.calls("aten::_flash_attention_forward"), calls);
  EXPECT_EQ(counts.calls("aten::_flash_attention_backward"), calls);
}

using Recipe = test::SmallRecipe;

class SmallTraining : public Objective {
 public:
  SmallTraining() : model_(fresh(small_transformer(), fake_device())) {}
  Parameters& parameters() override { return model_.parameters(); }
  StepResult loss(int64_t index) override {
    steps.push_back(take_counts());  // since the loss of the step before
    const Loss loss = model_.loss(random_batch(model_.config(), static_cast<uint64_t>(index), 4));
    StepResult result{loss.total, {}};
    for (const auto& [name, part] : loss.parts)
      if (part.slots > 0) result.scalars[name] = part.loss;
    return result;
  }
  Evaluation evaluate(int64_t) override { return {}; }
  void save(const fs::path& folder) override { save_model(model_, folder); }

  std::vector<test::DeviceCounts> steps;

 private:
  FourM model_;
};

TEST(DeviceTraining, TheHostWaitsForRecordsAlone) {
  const test::TemporaryFolder temporary;
  TrainingConfig config;
  config.steps = 12;
  config.precision = "bf16";
  config.log_every = 4;
  config.evaluate_every = config.checkpoint_every = 0;
  config.ema_decay = 0.9;
  config.optimizer.clip_norm = 1;
  SmallTraining objective;
  EXPECT_TRUE(train(objective, Recipe{(temporary / "run").string(), config}).finished);
  ASSERT_EQ(objective.steps.size(), 12);
  for (size_t step = 2; step < 12; ++step) {  // the first step tries the kernels of attention
    const auto& counts = objective.steps[step];
    EXPECT_LE(counts.uploads, 3) << step;
    EXPECT_EQ(counts.reads(), step % 4 == 0 ? 1 : 0) << step;
  }
}

// The loss of one step is not finite. The host learns of it with the next record, and the step changes nothing.
class Diverging : public SmallTraining {
 public:
  StepResult loss(int64_t index) override {
    StepResult result = SmallTraining::loss(index);
    if (index == 1) result.loss = result.loss * NAN;
    return result;
  }
};

TrainingConfig eight_steps() {
  TrainingConfig config;
  config.steps = 8;
  config.precision = "f32";
  config.log_every = 4;
  return config;
}

TEST(DeviceTraining, StepsThatAreNotFiniteAreSkipped) {
  const test::TemporaryFolder temporary;
  Diverging objective;
  const test::CapturedLog log;
  EXPECT_TRUE(train(objective, Recipe{(temporary / "run").string(), eight_steps()}).finished);
  EXPECT_EQ(objective.steps.size(), 8);
  EXPECT_NE(log.warnings().find("1 of 8 steps had a loss or gradient that could not be used"), std::string::npos)
      << log.warnings();
  for (const auto& entry : objective.parameters().entries())
    EXPECT_TRUE(at::isfinite(entry.value).all().item<bool>()) << entry.name;
}

TEST(DeviceTraining, MoreOfThemThanAllowedEndItWithTheNextRecord) {
  const test::TemporaryFolder temporary;
  TrainingConfig config = eight_steps();
  config.max_skipped = 0;
  Diverging objective;
  const std::string message = test::message_of([&] { train(objective, Recipe{(temporary / "run").string(), config}); });
  EXPECT_NE(message.find("up to step 4"), std::string::npos) << message;
  EXPECT_NE(message.find("training.max_skipped is 0"), std::string::npos) << message;
  EXPECT_EQ(objective.steps.size(), 4);
  for (const auto& entry : objective.parameters().entries())
    EXPECT_TRUE(at::isfinite(entry.value).all().item<bool>()) << entry.name;
}

class DeviceModelFile : public testing::Test {
 protected:
  DeviceModelFile() { test::write_small_model(temporary.path()); }
  static Tensor outputs(const FourM& model) {
    const InferenceGuard inference;
    EncoderPacker inputs(model.modalities());
    inputs.begin_sample();
    inputs.add_ids("tok_rgb@32", {3, 1, 9}, {0, 5, 7});
    inputs.add_ids("caption", {7, 8}, {0, 1});
    inputs.begin_sample();
    inputs.add_values("vectors", test::wave({2, 3}, 0.7), {0, 1});
    DecoderPacker slots(model.modalities());
    slots.begin_sample();
    slots.add_grid("tok_rgb@32", {1, 2, 3}, {});
    slots.begin_sample();
    slots.add_grid("tok_rgb@32", {4, 0}, {});
    return model.decoder.logits("tok_rgb@32", model.decoder(slots.finish(), model.encoder(inputs.finish())).out)
        .cpu()
        .to(at::kFloat);
  }
  FourM open(const Compute& compute) const { return load_model(temporary.path(), ModalityTable::official(), compute); }

  test::TemporaryFolder temporary;
};

TEST_F(DeviceModelFile, GivesTheSameOutputs) {
  const Tensor expected = outputs(open({}));
  const std::map<std::string, Compute> exact{{"training", Compute::for_training(fake_device())},
                                             {"inference", Compute::for_inference(Precision::kF32, fake_device())},
                                             {"reference", Compute::for_reference(fake_device())}};
  for (const auto& [name, compute] : exact) test::expect_close(name, outputs(open(compute)), expected, 1e-5);
  const double largest = expected.abs().max().item<double>();
  for (const auto precision : {Precision::kBf16, Precision::kF16})
    test::expect_close(precision_name(precision), outputs(open(Compute::for_inference(precision, fake_device()))),
                       expected, 3e-2 * largest);
}

TEST_F(DeviceModelFile, EveryTensorIsOnTheDevice) {
  for (const Compute& compute :
       {Compute::for_training(fake_device()), Compute::for_inference(Precision::kF32, fake_device())}) {
    const FourM model = open(compute);
    for (const auto& entry : model.parameters().entries()) EXPECT_EQ(entry.value.device(), fake_device()) << entry.name;
  }
}

TEST_F(DeviceModelFile, IsSavedAndLoadedOnEither) {
  const FourM there = open(Compute::for_training(fake_device()));
  save_model(there, temporary / "from_device");
  const auto expected = test::read_all(temporary / "model.safetensors"),
             saved = test::read_all(temporary / "from_device/model.safetensors");
  ASSERT_EQ(saved.size(), expected.size());
  for (const auto& [name, tensor] : expected) test::expect_close(name, saved.at(name), tensor, 0);
  test::expect_close("outputs", outputs(load_model(temporary / "from_device")), outputs(there), 1e-5);
}

TEST_F(DeviceModelFile, TheEncoderAloneGivesTheSameFeatures) {
  const auto features = [&](const Compute& compute) {
    const InferenceGuard inference;
    const EncoderModel model = load_encoder(temporary.path(), ModalityTable::official(), compute);
    EncoderPacker inputs(model.modalities());
    for (const std::vector<int64_t>& slots : {std::vector<int64_t>{0, 5, 7}, {3, 1, 2, 9, 4}}) {
      inputs.begin_sample();
      inputs.add_values("rgb@32", test::wave({static_cast<int64_t>(slots.size()), 192}, 0.7), slots);
    }
    return model.encoder(inputs.finish()).out.cpu();
  };
  test::expect_close("features", features(Compute::for_inference(Precision::kF32, fake_device())), features({}), 1e-5);
}

TEST_F(DeviceModelFile, StartsANewModel) {
  const ModelFiles files = open_model_files(temporary.path());
  const FourM found = model_from(temporary.path(), files.config, files.table, 9, fake_device()),
              expected = model_from(temporary.path(), files.config, files.table, 9);
  for (const auto& entry : expected.parameters().entries())
    test::expect_close(entry.name, found.parameters().find(entry.name).detach().cpu(), entry.value, 0);
}

// A run resumes from the checkpoint of the other device.
TEST(DeviceTraining, CheckpointsFitBothDevices) {
  const test::TemporaryFolder temporary;
  const ModelConfig config = small_transformer();
  const auto step = [&](FourM& model, AdamW& optimizer, uint64_t seed) {
    model.loss(random_batch(config, seed, 4)).total.backward();
    optimizer.step(1e-2, optimizer.gradient_norm());
    optimizer.clear_gradients();
  };
  const at::Device cpu = at::kCPU;
  for (const auto& [first, second] : {std::pair{cpu, fake_device()}, std::pair{fake_device(), cpu}}) {
    const OptimizerConfig options{.epsilon = 1e-3};
    FourM before = fresh(config, first), after = create_model(config, test::small_table(), 8, at::kFloat, second);
    after.parameters().make_trainable();
    AdamW optimizer(before.parameters(), options), restored(after.parameters(), options);
    step(before, optimizer, 1);
    save_parameters(temporary / "model.safetensors", before.parameters());
    save_tensors(temporary / "optimizer.safetensors", optimizer.state());
    restore(SafetensorsFile::open(temporary / "model.safetensors"), after.parameters());
    restored.load(SafetensorsFile::open(temporary / "optimizer.safetensors"));
    step(before, optimizer, 2);
    step(after, restored, 2);
    for (const auto& entry : before.parameters().entries()) {
      const Tensor found = after.parameters().find(entry.name);
      test::expect_close(entry.name, found.detach().cpu(), entry.value.detach().cpu(), 1e-6);
    }
  }
}

}  // namespace
}  // namespace fourm
