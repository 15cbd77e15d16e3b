// Heads: the ConvNeXt head against PyTorch (tests/transfer/heads_torch.py), the others against their definitions.
#include "fourm/transfer/heads.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/rng.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

Tensor random_tokens(uint64_t seed) {
  Random random(seed);
  Tensor x = at::empty({3, 2, 2, 8});
  for (int64_t i = 0; i < x.numel(); ++i) x.data_ptr<float>()[i] = static_cast<float>(random.normal());
  return x;
}

TEST(ConvNextHead, MapsEqualThoseOfPyTorch) {
  const auto file =
      SafetensorsFile::open(fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/transfer/convnext_head.safetensors");
  for (const Compute& compute : {Compute::for_training(), Compute::for_inference(), Compute::for_reference()}) {
    FileSource source(file, compute);
    Parameters parameters;
    HeadConfig config;
    config.width = 6, config.upsampling = 2, config.depth = 2;
    const ConvNextHead head(Scope(parameters, source), 12, 5, config);
    source.finish(parameters, /*warn_of_unused=*/false);
    const NoGradGuard no_grad;
    const Tensor maps = head(read_tensor(file, "tokens"), 24), expected = read_tensor(file, "maps");
    ASSERT_EQ(maps.sizes(), expected.sizes());
    EXPECT_LT((maps - expected).abs().max().item<double>(), 2e-5 * expected.abs().max().item<double>());
  }
}

TEST(LinearHead, BeginsEvenAndAveragesTokens) {
  SeedSource source(1);
  Parameters parameters;
  const LinearHead head(Scope(parameters, source), 8, 4);
  EXPECT_EQ(head(random_tokens(1)).abs().max().item<double>(), 0);
  head.classes.weight.copy_(at::arange(32, at::kFloat).view({4, 8}) / 10);
  const Tensor x = random_tokens(1);
  const Tensor expected = x.view({3, 4, 8}).mean(1).matmul(head.classes.weight.t());
  EXPECT_LT((head(x) - expected).abs().max().item<double>(), 1e-4);
}

// With equal keys every token has the same weight; with a key that the query likes, that token has all of it.
TEST(AttentiveHead, WeighsTokensByTheirKeys) {
  SeedSource source(1);
  Parameters parameters;
  const AttentiveHead head(Scope(parameters, source), 8, 2, 8);
  const NoGradGuard no_grad;
  head.classes.weight.copy_(at::eye(8));
  head.kv.weight.zero_();
  head.kv.weight.slice(0, 8).copy_(at::eye(8));  // values are the tokens
  const Tensor x = random_tokens(2), normed = head.norm(x).view({3, 4, 8});
  EXPECT_LT((head(x) - normed.mean(1)).abs().max().item<double>(), 1e-5);
  head.kv.weight.slice(0, 0, 8).copy_(at::eye(8));
  head.query.copy_(at::ones({1, 8}) * 1e4);
  const Tensor halves = normed.view({3, 4, 2, 4});
  for (int64_t b = 0; b < 3; ++b)
    for (int64_t h = 0; h < 2; ++h) {
      const int64_t best = halves[b].select(1, h).sum(1).argmax().item<int64_t>();
      const Tensor found = head(x)[b].slice(0, 4 * h, 4 * h + 4);
      EXPECT_LT((found - halves[b][best][h]).abs().max().item<double>(), 1e-4);
    }
}

TEST(NeighbourHead, NearestFeaturesVote) {
  SeedSource source(1);
  Parameters parameters;
  HeadConfig config;
  config.neighbours = 2, config.temperature = 0.5;
  const NeighbourHead head(Scope(parameters, source), 8, 3, 3, config);
  const Tensor features = NeighbourHead::features_of(random_tokens(3));
  head.features.copy_(features);
  head.labels.copy_(at::tensor({0.0, 1.0, 2.0}));
  const Tensor cosines = features.matmul(features.t()), shares = head(random_tokens(3)).exp();
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(features[i].norm().item<double>(), 1, 1e-6);
    const auto [nearest, index] = cosines[i].topk(2);
    EXPECT_EQ(index[0].item<int64_t>(), i);
    const double first = std::exp(nearest[0].item<double>() / 0.5), second = std::exp(nearest[1].item<double>() / 0.5);
    EXPECT_NEAR(shares[i][i].item<double>(), first / (first + second), 1e-5);
    EXPECT_NEAR(shares[i][index[1].item<int64_t>()].item<double>(), second / (first + second), 1e-5);
  }
}

}  // namespace
}  // namespace fourm
