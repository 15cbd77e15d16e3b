// Two processes that train on the device equal one.
#include "fourm/model/model_file.h"
#include "fourm/train/trainer.h"
#include "tests/support/compare.h"
#include "tests/support/fake_device.h"
#include "tests/support/ranks.h"
#include "tests/support/small_recipe.h"
#include "tests/support/small_transformer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

constexpr int64_t kSamples = 5;

// Each process computes its part of the samples.
class SharedTraining : public Objective {
 public:
  explicit SharedTraining(const ProcessGroup& group)
      : group_(group),
        model_(create_model(test::small_transformer(), test::small_table(), 3, at::kFloat, test::fake_device())) {
    model_.parameters().make_trainable();
  }
  Parameters& parameters() override { return model_.parameters(); }
  StepResult loss(int64_t index) override {
    const Batch batch =
        test::random_batch(model_.config(), static_cast<uint64_t>(index), group_.end(kSamples), group_.begin(kSamples));
    return {model_.loss(batch, LossKind::kModality, group_).total, {}};
  }
  Evaluation evaluate(int64_t) override { return {}; }
  void save(const fs::path& folder) override { save_model(model_, folder); }

 private:
  ProcessGroup group_;
  FourM model_;
};

// The weights after training, on the CPU.
test::TensorMap trained(const fs::path& out, const std::string& shard, const ProcessGroup& group) {
  test::SmallRecipe recipe{out.string(), {}};
  TrainingConfig& config = recipe.training;
  config.steps = 6;
  config.precision = "f32";
  config.accumulate = 2;
  config.shard = shard;
  config.schedule.lr = 5e-3;
  config.schedule.warmup_steps = 2;
  config.optimizer.epsilon = 1e-3;  // see transformer_test.cpp
  config.optimizer.clip_norm = 1;
  config.ema_decay = 0.9;
  config.checkpoint_every = 4;
  SharedTraining objective(group);
  EXPECT_TRUE(train(objective, recipe, {}, group).finished);
  test::TensorMap weights;
  for (const auto& entry : objective.parameters().entries()) weights[entry.name] = entry.value.detach().cpu().clone();
  return weights;
}

TEST(DeviceProcesses, TwoEqualOne) {
  const test::TemporaryFolder temporary;
  const test::TensorMap one = trained(temporary / "one", "none", {});
  for (const std::string shard : {"none", "optimizer", "gradients"})
    test::in_ranks(2, [&](const ProcessGroup& group) {
      const test::TensorMap found = trained(temporary / shard, shard, group);
      for (const auto& [name, weight] : one)
        test::expect_close(concat(name, ", ", shard), found.at(name), weight,
                           1e-6 * std::max(1.0, weight.abs().max().item<double>()));
    });
}

TEST(DeviceProcesses, OtherPrecisionsAreNamed) {
  const test::TemporaryFolder temporary;
  const auto errors = test::errors_in_ranks(2, [&](const ProcessGroup& group) {
    test::SmallRecipe recipe{(temporary / "run").string(), {}};
    recipe.training.precision = group.is_first() ? "f32" : "bf16";
    SharedTraining objective(group);
    train(objective, recipe, {}, group);
  });
  for (const auto& error : errors)
    EXPECT_EQ(error, "rank 1 has another device or precision than rank 0: 'cpu in bf16' instead of 'cpu in f32'");
}

}  // namespace
}  // namespace fourm
