#include "fourm/nn/layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "fourm/core/file.h"
#include "tests/support/compare.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// Builds a layer with values of its own, saves its tensors, and opens it again as a model for inference does.
struct TwoForms {
  explicit TwoForms(const std::function<void(const Scope&)>& build) {
    SeedSource seeds(5);
    Parameters parameters;
    build(Scope(parameters, seeds)["layer"]);
    const NoGradGuard no_grad;
    double pace = 0.3;
    for (const auto& entry : parameters.entries())  // biases and norms away from zero and one
      if (entry.is_parameter && entry.value.dim() == 1)
        Tensor(entry.value).add_(0.3 * test::wave(entry.value.sizes(), pace += 0.4));
    save_parameters(folder / "layer.safetensors", parameters);
  }
  /// build() with the stored values, in a model that may be trained and in one for inference.
  template <class Layer>
  std::pair<Layer, Layer> open(const std::function<Layer(const Scope&)>& build) const {
    const auto read = [&](const Compute& compute) {
      FileSource source(SafetensorsFile::open(folder / "layer.safetensors"), compute);
      Parameters parameters;
      const Scope scope = Scope(parameters, source)["layer"];
      EXPECT_EQ(scope.kernels()->compute().inference, compute.inference);
      Layer layer = build(scope);
      source.finish(parameters);
      return layer;
    };
    return {read({}), read(Compute::for_inference())};
  }
  test::TemporaryFolder folder;
};

template <class Layer>
std::pair<Layer, Layer> two_forms(const std::function<Layer(const Scope&)>& build) {
  return TwoForms([&](const Scope& scope) { build(scope); }).open<Layer>(build);
}

Tensor activate(Activation activation, const Tensor& y) {
  switch (activation) {
    case Activation::kGelu: return at::gelu(y);
    case Activation::kSilu: return at::silu(y);
    case Activation::kTanh: return at::tanh(y);
  }
  return {};
}

TEST(Linear, ThePackedFormGivesTheSame) {
  const NoGradGuard no_grad;
  for (const bool bias : {false, true}) {
    const auto [plain, packed] = two_forms<Linear>([&](const Scope& s) { return Linear(s, 24, 40, bias); });
    const Tensor x = test::wave({7, 24}, 0.9), residual = test::wave({7, 40}, 0.2);
    const Tensor y = at::linear(x, plain.weight, plain.bias);
    for (const Linear* linear : {&plain, &packed}) {
      EXPECT_LE(test::largest_difference((*linear)(x), y), 1e-5);
      EXPECT_LE(test::largest_difference(linear->with_residual(x, residual), y + residual), 1e-5);
      for (const Activation a : {Activation::kGelu, Activation::kSilu, Activation::kTanh})
        EXPECT_LE(test::largest_difference((*linear)(x, a), activate(a, y)), 1e-5);
    }
  }
}

TEST(Linear, StackedMatricesHaveTheScaleOfEach) {
  SeedSource source(1);
  Parameters parameters;
  const Scope root(parameters, source);
  const Linear qkv(root["qkv"], 64, 3 * 64, false, 3);
  const double bound = std::sqrt(6.0 / (64 + 64)), largest = qkv.weight.abs().max().item<double>();
  EXPECT_LE(largest, bound);
  EXPECT_GT(largest, 0.95 * bound) << "the bound of one matrix [192, 64] is 0.7 of it";
}

TEST(Linear, AConvolutionOverPatchesIsALinearLayerOfTheirNumbers) {
  const NoGradGuard no_grad;
  const auto [plain, packed] = two_forms<Linear>([](const Scope& s) { return Linear::convolution(s, {8, 3, 2, 2}); });
  const Tensor patches = test::wave({5, 12}, 0.7);
  const Tensor wanted = at::conv2d(patches.view({5, 3, 2, 2}), plain.weight, plain.bias).view({5, 8});
  EXPECT_LE(test::largest_difference(plain(patches), wanted), 1e-5);
  EXPECT_LE(test::largest_difference(packed(patches), wanted), 1e-5);
}

TEST(LayerNorm, EqualsTheFormulaAndItsBiasMayBeFixed) {
  const NoGradGuard no_grad;
  for (const bool bias : {false, true}) {
    const auto [plain, packed] = two_forms<LayerNorm>([&](const Scope& s) { return LayerNorm(s, 6, bias, 1e-3); });
    const Tensor x = test::wave({4, 6}, 1.3), centred = x - x.mean(-1, true);
    const Tensor wanted = centred / at::sqrt(centred.square().mean(-1, true) + 1e-3) * plain.weight + plain.bias;
    EXPECT_LE(test::largest_difference(plain(x), wanted), 1e-6);
    EXPECT_LE(test::largest_difference(packed(x), wanted), 1e-6);
    EXPECT_EQ(plain.bias.abs().sum().item<double>() > 0, bias);
  }
  SeedSource source(1);
  Parameters parameters;
  const LayerNorm fixed(Scope(parameters, source)["norm"], 6, false);
  EXPECT_TRUE(parameters.find("norm.bias").defined()) << "it is stored";
  EXPECT_EQ(parameters.count(), 6) << "it is not learned";
}

TEST(Mlp, GatedAndPlainEqualTheirFormulas) {
  const NoGradGuard no_grad;
  for (const bool gated : {false, true})
    for (const bool bias : {false, true})
      for (const Activation a : {Activation::kGelu, Activation::kSilu, Activation::kTanh}) {
        const auto [plain, packed] = two_forms<Mlp>([&](const Scope& s) { return Mlp(s, 16, 48, a, gated, bias); });
        const Tensor x = test::wave({9, 16}, 1.1), residual = test::wave({9, 16}, 0.4);
        const auto multiply = [](const Linear& fc, const Tensor& in) { return at::linear(in, fc.weight, fc.bias); };
        Tensor hidden = activate(a, multiply(plain.fc1, x));
        if (gated) hidden = hidden * multiply(plain.fc3, x);
        const Tensor wanted = multiply(plain.fc2, hidden);
        for (const Mlp* mlp : {&plain, &packed}) {
          EXPECT_LE(test::largest_difference((*mlp)(x), wanted), 1e-5) << gated << bias;
          EXPECT_LE(test::largest_difference(mlp->with_residual(x, residual), wanted + residual), 1e-5);
        }
      }
}

BlockConfig block_config(bool qk_norm) {
  return {.width = 32, .heads = 4, .mlp_hidden = 64, .gated_mlp = true, .qk_norm = qk_norm};
}

// Rows that come one at a time, with a KV cache, give what all rows at once give under a causal mask.
TEST(SelfAttention, OneRowAtATimeWithACacheEqualsAllRowsAtOnce) {
  const NoGradGuard no_grad;
  for (const bool qk_norm : {false, true}) {
    const auto [plain, packed] =
        two_forms<SelfAttention>([&](const Scope& s) { return SelfAttention(s, block_config(qk_norm)); });
    constexpr int64_t kRows = 6;
    const Tensor x = test::wave({kRows, 32}, 1.7), zero = at::zeros({kRows, 32});
    AttentionLayout causal = AttentionLayout::within({kRows});
    for (int32_t i = 1; i <= kRows; ++i) causal.visible.push_back(i);
    const Tensor wanted = plain.with_residual(x, causal, zero);
    for (const SelfAttention* layer : {&plain, &packed}) {
      EXPECT_LE(test::largest_difference(layer->with_residual(x, causal, zero), wanted), 1e-5);
      SelfAttention::Cache cache{at::zeros({kRows, 4, 8}), at::zeros({kRows, 4, 8}), {}};
      for (int64_t i = 0; i < kRows; ++i) {
        cache.places = at::full({1}, i, at::kLong);
        const auto so_far = AttentionLayout::across({1}, {i + 1});
        const Tensor row = layer->with_residual(x.slice(0, i, i + 1), so_far, zero.slice(0, 0, 1), &cache);
        EXPECT_LE(test::largest_difference(row, wanted.slice(0, i, i + 1)), 1e-5) << "row " << i;
      }
    }
  }
}

TEST(EncoderBlock, SamplesDoNotSeeEachOther) {
  const NoGradGuard no_grad;
  const auto [plain, packed] =
      two_forms<EncoderBlock>([](const Scope& s) { return EncoderBlock(s, block_config(true)); });
  const Tensor x = test::wave({7, 32}, 0.8);
  for (const EncoderBlock* block : {&plain, &packed}) {
    const Tensor together = (*block)(x, AttentionLayout::within({3, 4}));
    EXPECT_LE(
        test::largest_difference((*block)(x.slice(0, 0, 3), AttentionLayout::within({3})), together.slice(0, 0, 3)),
        1e-5);
    EXPECT_LE(test::largest_difference((*block)(x.slice(0, 3), AttentionLayout::within({4})), together.slice(0, 3)),
              1e-5);
  }
  EXPECT_LE(
      test::largest_difference(plain(x, AttentionLayout::within({3, 4})), packed(x, AttentionLayout::within({3, 4}))),
      1e-5);
}

TEST(DecoderBlock, RowsAfterTheLastSegmentHaveNoContext) {
  const NoGradGuard no_grad;
  const auto [plain, packed] =
      two_forms<DecoderBlock>([](const Scope& s) { return DecoderBlock(s, block_config(false)); });
  const Tensor y = test::wave({5, 32}, 0.8), context = test::wave({4, 32}, 0.5), other = test::wave({4, 32}, 1.9);
  const AttentionLayout within = AttentionLayout::within({3, 2}), across = AttentionLayout::across({3}, {4});
  for (const DecoderBlock* block : {&plain, &packed}) {
    const Tensor a = (*block)(y, block->keys(context), within, across),
                 b = (*block)(y, block->keys(other), within, across);
    EXPECT_GT(test::largest_difference(a.slice(0, 0, 3), b.slice(0, 0, 3)), 1e-3) << "rows with a context depend on it";
    EXPECT_TRUE(at::equal(a.slice(0, 3), b.slice(0, 3))) << "rows without one do not";
    const Tensor alone = (*block)(y.slice(0, 3), {}, AttentionLayout::within({2}), {});
    EXPECT_LE(test::largest_difference(alone, a.slice(0, 3)), 1e-5);
  }
  EXPECT_LE(test::largest_difference(plain(y, plain.keys(context), within, across),
                                     packed(y, packed.keys(context), within, across)),
            1e-5);
}

template <class Cache>
concept TakenBySelfAttention = requires(const SelfAttention& attention, const Tensor& x, const AttentionLayout& layout,
                                        Cache* cache) {
  attention.with_residual(x, layout, x, cache);
};

// Keys and values are written into the cache, so that a const one cannot be given.
TEST(SelfAttention, TheCacheIsNotConst) {
  EXPECT_TRUE(TakenBySelfAttention<SelfAttention::Cache>);
  EXPECT_FALSE(TakenBySelfAttention<const SelfAttention::Cache>);
}

// MiB of this process's memory that files have a part in.
double mapped_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssFile:")) return std::strtod(line.c_str() + 8, nullptr) / 1024;
  return 0;
}

TEST(EmbeddingTable, RowsThatWereReadDoNotStayInMemory) {
  const NoGradGuard no_grad;
  constexpr int64_t kRows = 24 << 10, kWidth = 1024, kAtOnce = 300;  // 96 MiB
  const Tensor table = at::arange(kRows * kWidth, at::kFloat).view({kRows, kWidth});
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary.path();
  save_tensors(folder / "table.safetensors", {{"table.weight", table}});
  FileSource source(SafetensorsFile::open(folder / "table.safetensors"), Compute::for_inference());
  Parameters parameters;
  const Scope root(parameters, source);
  const EmbeddingTable embedding(root["table"], kRows, kWidth, Init::zeros());
  const double before = mapped_mib();
  double most = 0;
  for (int64_t row = 0; row < kRows; row += kAtOnce) {
    const Tensor ids = at::arange(row, std::min(row + kAtOnce, kRows), at::kLong);
    ASSERT_TRUE(at::equal(embedding(ids), table.index_select(0, ids))) << row;
    most = std::max(most, mapped_mib() - before);
  }
  EXPECT_TRUE(at::equal(embedding(at::arange(kRows, at::kLong)), table));
  most = std::max(most, mapped_mib() - before);
  EXPECT_LT(most, 16);
  EXPECT_EQ(embedding(at::zeros({0}, at::kLong)).sizes(), at::IntArrayRef({0, kWidth}));
}

}  // namespace
}  // namespace fourm
