// The cost model against what processes of this machine do.
#include "fourm/bench/estimate.h"

#include <gtest/gtest.h>

#include <fstream>

#include "fourm/bench/official_size.h"
#include "fourm/dist/data_parallel.h"
#include "fourm/model/fourm.h"
#include "fourm/train/optimizer.h"
#include "tests/support/message_of.h"
#include "tests/support/ranks.h"

namespace fourm {
namespace {

// Millions of parameters without embeddings (paper, Table 5 and appendix C.1).
TEST(Estimate, SizesAreThoseOfThePaper) {
  for (const auto& [size, millions] : std::map<std::string, double>{{"B", 198}, {"L", 705}, {"XL", 2818}})
    EXPECT_NEAR(static_cast<double>(estimate({}, official_size(size), false).block_parameters) / 1e6, millions,
                0.005 * millions)
        << size;
}

ModelConfig small_model() {
  ModelConfig c = official_size("Ti");
  c.domains_in = c.domains_out = {"caption", "tok_depth@224"};
  c.dim = 64, c.num_heads = 2, c.encoder_depth = c.decoder_depth = 2;
  return c;
}

// Bytes that this process has given to write calls.
double written() {
  std::ifstream file("/proc/self/io");
  for (std::string key; file >> key;) {
    double value = 0;
    file >> value;
    if (key == "wchar:") return value;
  }
  return 0;
}

// Optimizer state of each rank, and what all ranks send in a step.
class EstimateOfRanks : public testing::TestWithParam<std::tuple<std::pair<int64_t, int64_t>, std::string>> {};

TEST_P(EstimateOfRanks, StateAndTrafficAreAsPredicted) {
  const auto& [counts, shard] = GetParam();
  const auto& [processes, on_machine] = counts;
  const Estimate expected = estimate(
      {.processes = processes, .per_machine = on_machine, .batch = processes, .shard = shard}, small_model(), false);
  std::vector<double> state(processes);
  double sent = 0;
  const auto step = [&, n = processes, &how = shard](const ProcessGroup& group) {
    FourM model = create_model(small_model(), ModalityTable::official(), 1);
    model.parameters().make_trainable();
    DataParallel parallel(model.parameters(), group, how == "none" ? Sharding::kNone : Sharding::kOptimizer);
    const AdamW optimizer(model.parameters(), {}, [&](const Tensor& tensor) { return parallel.owns(tensor); });
    for (const auto& [name, value] : optimizer.state())
      if (!name.starts_with("steps.")) state[group.rank()] += static_cast<double>(value.nbytes());
    Tensor loss;
    for (const auto& entry : model.parameters().entries()) {
      if (!entry.is_parameter) continue;
      const Tensor sum = entry.value.sum();
      loss = loss.defined() ? loss + sum : sum;
    }
    group.barrier();
    const double before = written();
    group.barrier();
    parallel.prepare_for_backward(loss, true);
    loss.backward();
    parallel.wait_for_gradients();
    parallel.broadcast_weights();
    group.barrier();
    if (group.is_first()) sent = (written() - before) / static_cast<double>(n);
  };
  test::in_ranks(processes, step, on_machine);
  EXPECT_EQ(*std::ranges::max_element(state), expected.optimizer);
  EXPECT_NEAR(sent, expected.sent, 0.02 * expected.sent);
}

INSTANTIATE_TEST_SUITE_P(Here, EstimateOfRanks,
                         testing::Combine(testing::Values(std::pair(2, 2), std::pair(4, 4), std::pair(4, 2)),
                                          testing::Values("none", "optimizer")));

TEST(Estimate, WhatGrowsAndWhatShrinks) {
  const auto of = [](const EstimateConfig& config) { return estimate(config, official_size("B"), true); };
  const EstimateConfig one{.batch = 512};
  EstimateConfig many = one, spread = one, recomputing = one, far = one;
  many.processes = 64;
  spread.processes = 64, spread.shard = "optimizer";
  recomputing.checkpoint_activations = true;
  far.processes = 64, far.network_bandwidth = 1;
  EXPECT_EQ(of(one).sent, 0);
  EXPECT_EQ(of(one).step, of(one).compute);
  EXPECT_DOUBLE_EQ(of(many).compute, of(one).compute / 64);
  EXPECT_EQ(of(many).optimizer, of(one).optimizer);
  EXPECT_LT(of(spread).optimizer, of(one).optimizer / 6);  // eight owners, and tables stay whole
  EXPECT_LT(of(recomputing).activations, of(one).activations / 5);
  EXPECT_DOUBLE_EQ(of(recomputing).compute, of(one).compute * 4 / 3);
  EXPECT_GT(of(far).step, of(many).step);
  EXPECT_EQ(test::message_of([&] { of({.processes = 8, .batch = 4}); }),
            "--batch is 4, expected at least a sample for each of the 8 processes");
}

}  // namespace
}  // namespace fourm
