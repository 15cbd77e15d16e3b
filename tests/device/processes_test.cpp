// Two processes that train on the device equal one.
#include <atomic>

#include "fourm/dist/device_backend.h"
#include "fourm/dist/gloo_backend.h"
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

// An operation that is complete some polls after Gloo's.
class DeviceWork : public c10d::Work {
 public:
  DeviceWork(Tensor tensor, std::vector<Tensor> on_host, c10::intrusive_ptr<c10d::Work> work)
      : tensor_(std::move(tensor)), on_host_(std::move(on_host)), work_(std::move(work)) {}
  bool isCompleted() override {
    constexpr int kPolls = 20;
    return work_->isCompleted() && ++polls_ > kPolls;
  }
  bool wait(std::chrono::milliseconds timeout) override {
    EXPECT_EQ(timeout, kNoTimeout) << "it would abort NCCL's communicator";
    work_->wait();
    const NoGradGuard no_grad;
    tensor_.copy_(on_host_[0]);
    return true;
  }

 private:
  Tensor tensor_;
  std::vector<Tensor> on_host_;
  c10::intrusive_ptr<c10d::Work> work_;
  int polls_ = 0;
};

// Collective operations of tensors of the device alone, as those of NCCL.
class DeviceBackend : public c10d::Backend {
 public:
  static inline std::atomic<int64_t> operations = 0, shutdowns = 0;

  DeviceBackend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size)
      : Backend(rank, size), gloo_(gloo_backend(store, rank, size, "127.0.0.1", "", std::chrono::minutes(1))) {}
  using Work = c10::intrusive_ptr<c10d::Work>;
  Work allreduce(std::vector<Tensor>& tensors, const c10d::AllreduceOptions& options) override {
    return run(tensors, [&](auto& on_host) { return gloo_->allreduce(on_host, options); });
  }
  Work reduce(std::vector<Tensor>& tensors, const c10d::ReduceOptions& options) override {
    return run(tensors, [&](auto& on_host) { return gloo_->reduce(on_host, options); });
  }
  Work broadcast(std::vector<Tensor>& tensors, const c10d::BroadcastOptions& options) override {
    return run(tensors, [&](auto& on_host) { return gloo_->broadcast(on_host, options); });
  }
  void shutdown() override { ++shutdowns; }

 private:
  template <class Operation>
  static Work run(std::vector<Tensor>& tensors, const Operation& operation) {
    EXPECT_EQ(tensors.at(0).device(), test::fake_device());
    ++operations;
    std::vector<Tensor> on_host{tensors[0].cpu()};
    const Work work = operation(on_host);
    return c10::make_intrusive<DeviceWork>(tensors[0], std::move(on_host), work);
  }
  c10::intrusive_ptr<c10d::Backend> gloo_;
};

// Makes backends in all ranks but `broken`.
class DeviceFactory : public DeviceBackendFactory {
 public:
  explicit DeviceFactory(int broken = -1) : broken_(broken) {}
  c10::intrusive_ptr<c10d::Backend> make(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                         int size) const override {
    check(rank != broken_, "no such network");
    return c10::make_intrusive<DeviceBackend>(store, rank, size);
  }

 private:
  int broken_;
};

void expect_equal(const test::TensorMap& found, const test::TensorMap& expected, const std::string& what) {
  for (const auto& [name, weight] : expected)
    test::expect_close(concat(name, ", ", what), found.at(name), weight,
                       1e-6 * std::max(1.0, weight.abs().max().item<double>()));
}

// Two processes, and two machines of two.
TEST(DeviceProcesses, ABackendOfTheDeviceIsUsed) {
  const test::TemporaryFolder temporary;
  const test::TensorMap one = trained(temporary / "one", "none", {});
  const DeviceFactory factory;
  for (const int64_t size : {2, 4})
    for (const std::string shard : {"none", "gradients"}) {
      DeviceBackend::operations = DeviceBackend::shutdowns = 0;
      test::in_ranks(
          size,
          [&](const ProcessGroup& group) {
            group.connect_device(test::fake_device(), &factory);
            EXPECT_TRUE(group.has_device_backend());
            const auto what = concat(shard, ", ", size, " processes");
            expect_equal(trained(temporary / concat(shard, size), shard, group), one, what);
          },
          2);
      EXPECT_GT(DeviceBackend::operations, size * 6) << shard;
      EXPECT_EQ(DeviceBackend::shutdowns, size == 2 ? 2 : 12) << "one for each part of the group";
    }
}

TEST(DeviceProcesses, WithoutABackendInEachProcessThereIsNone) {
  const DeviceFactory factory;
  test::in_ranks(2, [&](const ProcessGroup& group) {
    group.connect_device(test::fake_device(), group.is_first() ? &factory : nullptr);
    EXPECT_FALSE(group.has_device_backend());
    const Tensor x = at::ones({3}, at::TensorOptions(at::kFloat).device(test::fake_device()));
    group.all_reduce(x);
    EXPECT_TRUE(x.cpu().equal(at::full({3}, 2.0F)));
  });
}

TEST(DeviceProcesses, ABackendThatDoesNotConnectIsAnError) {
  const DeviceFactory factory(1);
  const auto errors =
      test::errors_in_ranks(2, [&](const ProcessGroup& group) { group.connect_device(test::fake_device(), &factory); });
  for (const auto& error : errors) EXPECT_EQ(error, "rank 1 cannot connect to the other processes: no such network");
}

// The others wait for an operation of the device that never completes.
TEST(DeviceProcesses, AFailureEndsWaitingForTheDevice) {
  const DeviceFactory factory;
  const auto errors = test::errors_in_ranks(2, [&](const ProcessGroup& group) {
    group.connect_device(test::fake_device(), &factory);
    check(group.is_first(), "a broken sample");
    group.all_reduce(at::ones({3}, at::TensorOptions(at::kFloat).device(test::fake_device())));
  });
  EXPECT_EQ(errors[0], "rank 1: a broken sample");
}

TEST(DeviceProcesses, TwoEqualOne) {
  const test::TemporaryFolder temporary;
  const test::TensorMap one = trained(temporary / "one", "none", {});
  for (const std::string shard : {"none", "optimizer", "gradients"})
    test::in_ranks(
        2, [&](const ProcessGroup& group) { expect_equal(trained(temporary / shard, shard, group), one, shard); });
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
