#include "fourm/dist/data_parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "fourm/core/rng.h"
#include "fourm/nn/checkpoint.h"
#include "tests/support/ranks.h"

namespace fourm {
namespace {

constexpr int64_t kWidth = 6, kLayers = 4, kSamples = 12;

// A network of several layers, of which each sample uses the first and last and one in between.
struct Network {
  Network() : source(7), scope(all, source) {
    for (int64_t i = 0; i < kLayers; ++i) {
      const Scope layer = scope["layers"][i];
      weights.push_back(layer.parameter("weight", {kWidth, kWidth}, Init::xavier(kWidth, kWidth)));
      biases.push_back(layer.parameter("bias", {kWidth}, Init::zeros()));
    }
    scope.parameter("unused", {kWidth}, Init::ones());
    all.make_trainable();
  }

  Tensor layer(int64_t i, const Tensor& x) const { return at::tanh(at::linear(x, weights[i], biases[i])); }

  // The sum over samples of a micro-batch, divided by their number in all processes.
  Tensor loss(int64_t micro, int64_t begin, int64_t end, bool checkpointed) const {
    Tensor sum = weights[0].sum() * 0;
    for (int64_t s = begin; s < end; ++s) {
      Random random(3, {static_cast<uint64_t>(micro), static_cast<uint64_t>(s)});
      Tensor x = at::empty({2, kWidth});
      for (int64_t i = 0; i < x.numel(); ++i) x.mutable_data_ptr<float>()[i] = static_cast<float>(random.normal());
      const int64_t middle = 1 + (micro + s / 4) % (kLayers - 2);
      const auto last = [&](const std::vector<Tensor>& inputs) { return layer(kLayers - 1, inputs[0]); };
      const Tensor hidden = layer(middle, layer(0, x));
      sum = sum + (checkpointed ? checkpoint(last, {hidden}) : last({hidden})).square().sum();
    }
    return sum / kSamples;
  }

  SeedSource source;
  Parameters all;
  Scope scope;
  std::vector<Tensor> weights, biases;
};

// The gradients after each of some steps of two micro-batches, which the owners also subtract from the weights.
std::vector<std::map<std::string, Tensor>> gradients(const ProcessGroup& group, Sharding sharding, bool checkpointed,
                                                     bool in_bf16 = false) {
  Network network;
  constexpr int64_t kBucket = 4 * kWidth * kWidth;  // about a layer
  DataParallel parallel(network.all, group, sharding, in_bf16, kBucket);
  std::vector<std::map<std::string, Tensor>> steps;
  for (int64_t step = 0; step < 5; ++step) {
    for (int64_t micro = 2 * step; micro < 2 * step + 2; ++micro) {
      const Tensor loss = network.loss(micro, group.begin(kSamples), group.end(kSamples), checkpointed);
      parallel.prepare_for_backward(loss, micro % 2 == 1);
      loss.backward();
    }
    parallel.wait_for_gradients();
    const NoGradGuard no_grad;
    auto& now = steps.emplace_back();
    std::vector<Tensor> norms;
    for (const auto& entry : network.all.entries()) {
      Tensor& gradient = entry.value.mutable_grad();
      norms.push_back(gradient.defined() ? gradient.norm() : at::zeros({}));
      if (gradient.defined()) {
        EXPECT_TRUE(parallel.owns(entry.value)) << entry.name;
        now[entry.name] = gradient.clone();
        entry.value.sub_(gradient, 0.1);
      }
      gradient = Tensor();
    }
    now["norm"] = parallel.norm(at::stack(norms));
    parallel.broadcast_weights();
    for (const auto& entry : network.all.entries()) now["weight " + entry.name] = entry.value.detach().clone();
  }
  return steps;
}

void expect_close(const std::map<std::string, Tensor>& found, const std::map<std::string, Tensor>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_LE((found.at(name) - value).norm().item<double>(), 1e-6 * value.norm().item<double>()) << name;
  }
}

TEST(DataParallel, GradientsEqualThoseOfOneProcess) {
  for (const bool checkpointed : {false, true}) {
    const auto expected = gradients({}, Sharding::kNone, checkpointed);
    EXPECT_FALSE(expected[0].contains("unused"));
    for (const int64_t size : {2, 4})
      test::in_ranks(size, [&](const ProcessGroup& group) {
        const auto found = gradients(group, Sharding::kNone, checkpointed);
        for (size_t step = 0; step < expected.size(); ++step) expect_close(found[step], expected[step]);
      });
  }
}

// ZeRO changes where state is, and no bit of the result.
void expect_sharding_is_bit_equal(int64_t size, int64_t on_machine, bool in_bf16) {
  std::vector<std::map<std::string, Tensor>> plain;
  const auto plainly = [&](const ProcessGroup& group) {
    auto found = gradients(group, Sharding::kNone, false, in_bf16);
    if (group.rank() + 1 == group.size()) plain = std::move(found);
  };
  test::in_ranks(size, plainly, on_machine);
  for (const Sharding sharding : {Sharding::kNone, Sharding::kOptimizer, Sharding::kGradients})
    test::in_ranks(
        size,
        [&, sharding](const ProcessGroup& group) {
          const auto found = gradients(group, sharding, false, in_bf16);
          for (size_t step = 0; step < plain.size(); ++step)
            for (const auto& [name, value] : found[step])
              EXPECT_TRUE(value.equal(plain[step].at(name))) << name << ", step " << step << ", rank " << group.rank();
        },
        on_machine);
}

TEST(DataParallel, ShardingIsBitEqual) {
  for (const int64_t size : {2, 4}) expect_sharding_is_bit_equal(size, 0, false);
}

// Gloo sums large buckets in parts, and the parts of its operations differ.
TEST(DataParallel, ShardingOfALargeTensorIsBitEqual) {
  constexpr int64_t kSize = 4, kNumel = 3'840'001;
  std::vector<Tensor> sums;
  for (const Sharding sharding : {Sharding::kNone, Sharding::kOptimizer, Sharding::kGradients})
    test::in_ranks(kSize, [&](const ProcessGroup& group) {
      SeedSource source(7);
      Parameters all;
      const Tensor weight = Scope(all, source).parameter("weight", {kNumel}, Init::zeros());
      all.make_trainable();
      DataParallel parallel(all, group, sharding, false);
      Random random(3, {static_cast<uint64_t>(group.rank())});
      const Tensor own = at::empty({kNumel});
      for (int64_t i = 0; i < kNumel; ++i) own.mutable_data_ptr<float>()[i] = static_cast<float>(random.normal());
      const Tensor loss = (weight * own).sum();
      parallel.prepare_for_backward(loss, true);
      loss.backward();
      parallel.wait_for_gradients();
      if (parallel.owns(weight) && group.rank() == 0) sums.push_back(weight.grad().clone());
    });
  ASSERT_EQ(sums.size(), 3u);
  EXPECT_TRUE(sums[1].equal(sums[0]));
  EXPECT_TRUE(sums[2].equal(sums[0]));
}

TEST(DataParallel, ShardingIsBitEqualOnSeveralMachines) {
  for (const bool in_bf16 : {false, true}) expect_sharding_is_bit_equal(4, 2, in_bf16);
  expect_sharding_is_bit_equal(6, 3, false);
}

TEST(DataParallel, SeveralMachinesEqualOneProcess) {
  for (const bool checkpointed : {false, true}) {
    const auto expected = gradients({}, Sharding::kNone, checkpointed);
    test::in_ranks(
        4,
        [&](const ProcessGroup& group) {
          const auto found = gradients(group, Sharding::kNone, checkpointed);
          for (size_t step = 0; step < expected.size(); ++step) expect_close(found[step], expected[step]);
        },
        2);
  }
}

// Two gradients rounded to eight bits, and their sum: all processes have the same, wherever it is.
TEST(DataParallel, GradientsMayBeSentInBfloat16) {
  const auto expected = gradients({}, Sharding::kNone, false);
  std::vector<std::map<std::string, Tensor>> plain;
  for (const Sharding sharding : {Sharding::kNone, Sharding::kGradients})
    test::in_ranks(2, [&](const ProcessGroup& group) {
      auto found = gradients(group, sharding, false, /*in_bf16=*/true);
      double difference = 0;
      for (const auto& [name, value] : found[0]) {
        const Tensor& exact = expected[0].at(name);
        EXPECT_LE((value - exact).norm().item<double>(), 0.01 * exact.norm().item<double>() + 1e-3) << name;
        difference += (value - exact).norm().item<double>();
      }
      EXPECT_GT(difference, 1e-6);
      if (sharding == Sharding::kNone) {
        if (group.is_first()) plain = std::move(found);
        return;
      }
      for (size_t step = 0; step < plain.size(); ++step)
        for (const auto& [name, value] : found[step]) EXPECT_TRUE(value.equal(plain[step].at(name))) << name;
    });
}

// Tensors that stop learning are not sent, and learn again as if they had not.
TEST(DataParallel, WhatLearnsMayChange) {
  for (const Sharding sharding : {Sharding::kNone, Sharding::kGradients})
    for (const bool checkpointed : {false, true})
      test::in_ranks(2, [&](const ProcessGroup& group) {
        const auto expected = gradients(group, sharding, checkpointed);
        const Network network;
        DataParallel parallel(network.all, group, sharding, false, 4 * kWidth * kWidth);
        const auto step = [&](int64_t micro) {
          const Tensor loss = network.loss(micro, group.begin(kSamples), group.end(kSamples), checkpointed);
          parallel.prepare_for_backward(loss, micro % 2 == 1);
          loss.backward();
        };
        const auto learn = [&](bool on) {
          for (const Tensor& weight : network.weights) weight.set_requires_grad(on);
          parallel.trainable_changed();
        };
        learn(false);
        step(0), step(1);
        parallel.wait_for_gradients();
        for (const auto& entry : network.all.entries()) {
          const auto known = expected[0].find(entry.name);
          const bool is_bias = entry.name.ends_with("bias");
          if (!is_bias) {
            EXPECT_FALSE(entry.value.grad().defined()) << entry.name;
          } else if (known != expected[0].end()) {
            EXPECT_TRUE(entry.value.grad().equal(known->second)) << entry.name;
          }
          entry.value.mutable_grad() = Tensor();
        }
        learn(true);
        step(0), step(1);
        parallel.wait_for_gradients();
        for (const auto& entry : network.all.entries())
          if (const auto known = expected[0].find(entry.name); known != expected[0].end()) {
            EXPECT_TRUE(entry.value.grad().equal(known->second)) << entry.name;
          }
      });
}

TEST(DataParallel, EachMachineHasAllOwners) {
  test::in_ranks(
      4,
      [](const ProcessGroup& group) {
        const Network network;
        const DataParallel parallel(network.all, group, Sharding::kOptimizer, false, 4 * kWidth * kWidth);
        EXPECT_EQ(parallel.owners().size(), 2);
        EXPECT_EQ(parallel.is_first_machine(), group.rank() < 2);
        for (const auto& entry : network.all.entries()) {
          std::vector<double> owners(group.size());
          owners[group.rank()] = parallel.owns(entry.value);
          owners = group.all_reduce(owners);
          EXPECT_EQ(owners[0] + owners[1], 1) << entry.name;
          EXPECT_EQ(owners[0], owners[2]) << entry.name;
          EXPECT_EQ(owners[1], owners[3]) << entry.name;
        }
      },
      2);
}

TEST(DataParallel, EachTensorHasOneOwner) {
  test::in_ranks(3, [](const ProcessGroup& group) {
    const Network network;
    const DataParallel parallel(network.all, group, Sharding::kOptimizer, false, 4 * kWidth * kWidth);
    std::vector<double> owners;
    for (const auto& entry : network.all.entries()) owners.push_back(parallel.owns(entry.value));
    const double own = std::count(owners.begin(), owners.end(), 1.0);
    EXPECT_GT(own, 0);
    EXPECT_EQ(group.all_reduce(owners), std::vector<double>(owners.size(), 1.0));
  });
}

}  // namespace
}  // namespace fourm
