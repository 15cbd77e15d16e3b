#include "fourm/tokenizer/vit.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fourm {
namespace {

constexpr int64_t kPatch = 4, kChannels = 3, kWidth = 16;

TokenizerConfig small_config() {
  TokenizerConfig c;
  c.image_size = 16;
  c.patch_size = kPatch;
  c.enc_type = "small_enc";
  c.dec_type = "small_dec";
  for (const char* name : {"small_enc", "small_dec"}) {
    TokenizerPreset& p = c.presets[name];
    p.kind = name == c.enc_type ? "vit_encoder" : "vit_decoder";
    p.dim_tokens = kWidth, p.depth = 1, p.num_heads = 2;
  }
  return c;
}

// The same for feature maps of one vector a patch: its channels outermost, then rows, then columns.
TokenizerConfig feature_config() {
  TokenizerConfig c = small_config();
  c.patch_proj = false;
  c.n_channels = kChannels * kPatch * kPatch;
  return c;
}

template <class Network>
struct Built {
  explicit Built(const TokenizerConfig& config) : network(Scope(parameters, source), config) {}
  void copy_from(const Built& other) {
    for (size_t i = 0; i < parameters.entries().size(); ++i) {
      Tensor mine = parameters.entries()[i].value;
      mine.copy_(other.parameters.entries()[i].value.view(mine.sizes()));
    }
  }
  SeedSource source{1};
  Parameters parameters;
  Network network;
};

TEST(VitEncoder, PatchesAreVectorsOfChannelsRowsAndColumns) {
  Built<VitEncoder> images(small_config()), features(feature_config());
  features.copy_from(images);
  const Tensor x = at::arange(2 * kChannels * 8 * 12, at::kFloat).view({2, kChannels, 8, 12}).sin();
  const FeatureMap expected = features.network(at::pixel_unshuffle(x, kPatch)), found = images.network(x);
  EXPECT_TRUE(at::allclose(found.rows, expected.rows, 1e-5, 1e-5));
}

TEST(VitDecoder, PatchesAreVectorsOfChannelsRowsAndColumns) {
  Built<VitDecoder> images(small_config()), features(feature_config());
  features.copy_from(images);
  const FeatureMap x{at::arange(2 * 6 * kWidth, at::kFloat).view({12, kWidth}).sin(), {2, 2, 3}};
  const Tensor expected = at::pixel_shuffle(features.network(x, {}), kPatch);
  EXPECT_TRUE(at::allclose(images.network(x, {}), expected, 1e-5, 1e-5));
}

// Doubling by cubic convolution (a = -0.75) at pixel centres: each new place lies a quarter from an old one.
Tensor doubling(int64_t n) {
  constexpr float kQuarter[] = {-0.10546875F, 0.87890625F, 0.26171875F, -0.03515625F};
  Tensor weights = at::zeros({2 * n, n});
  for (int64_t i = 0; i < 2 * n; ++i)
    for (int64_t k = 0; k < 4; ++k) {
      const int64_t from = i % 2 == 1 ? i / 2 + k - 1 : i / 2 + 1 - k;
      weights[i][std::clamp<int64_t>(from, 0, n - 1)] += kQuarter[k];
    }
  return weights;
}

TEST(VitTrunk, PositionTablesAreResizedByCubicConvolution) {
  constexpr int64_t kGrid = 4;
  SeedSource source(1);
  Parameters parameters;
  VitTrunk trunk(Scope(parameters, source), small_config().preset("small_enc"), kGrid, false), resized = trunk;
  const Tensor weights = doubling(kGrid);
  resized.pos_emb = at::matmul(at::matmul(weights, trunk.pos_emb), weights.t());
  const TokenGrid grid{1, 2 * kGrid, 2 * kGrid};
  const Tensor rows = at::zeros({grid.rows(), kWidth});
  EXPECT_TRUE(at::allclose(trunk(rows, grid), resized(rows, grid), 1e-4, 1e-4));
}

}  // namespace
}  // namespace fourm
