// Attention without keys and values against attention with them.
#include "fourm/kernels/cpu/absorbed_attention.h"

#include "fourm/core/error.h"
#include "fourm/kernels/aten/attention.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;

constexpr double kEpsilon = 1e-6;
constexpr int64_t kContextHeads = 3, kContextWidth = 48, kHead = kContextWidth / kContextHeads;

struct ContextCase {
  Tensor kv = wave({2 * kContextWidth, kContextWidth}, 0.7) * 0.3, q = wave({9, kContextHeads, kHead}, 1.3),
         context = wave({21, kContextWidth}, 2.1);
  AttentionLayout layout = AttentionLayout::across({4, 3, 2}, {13, 0, 8});                  // the second sees nothing
  Tensor weight = wave({kContextWidth}, 0.4) + 1, bias = wave({kContextWidth}, 0.8) * 0.3;  // of the norm
  AbsorbedAttention absorbed{kv, weight, bias, kContextHeads, {Precision::kF32, {}}};

  Tensor normed() const { return at::layer_norm(context, {kContextWidth}, weight, bias, kEpsilon); }
  Tensor run(const AbsorbedAttention& attention) const {
    return attention(q, NormalizedContext(context, kEpsilon, layout));
  }

  Tensor by_keys(const Tensor& keys_and_values) const {
    const auto parts = keys_and_values.view({-1, 2, kContextHeads, kHead}).unbind(1);
    return dense_attention(q, parts[0], parts[1], layout).flatten(1);
  }
};

TEST(AbsorbedAttention, EqualsAttentionToKeysAndValues) {
  const NoGradGuard no_grad;
  const ContextCase c;
  const Tensor wanted = c.by_keys(at::linear(c.normed(), c.kv));
  EXPECT_LE(test::largest_difference(c.run(c.absorbed), wanted), 2e-6);
  EXPECT_EQ(c.run(c.absorbed).slice(0, 4, 7).abs().max().item<double>(), 0);
}

TEST(AbsorbedAttention, OneHeadIsAttentionToo) {
  const NoGradGuard no_grad;
  const ContextCase c;
  const Tensor kv = wave({2 * kHead, kHead}, 0.7) * 0.3, weight = c.weight.slice(0, 0, kHead),
               bias = c.bias.slice(0, 0, kHead), q = wave({6, 1, kHead}, 1.3), context = wave({9, kHead}, 2.1);
  const auto across = AttentionLayout::across({6}, {9});
  const Tensor keys = at::linear(at::layer_norm(context, {kHead}, weight, bias, kEpsilon), kv).view({-1, 2, 1, kHead});
  const auto parts = keys.unbind(1);
  const Tensor found =
      AbsorbedAttention(kv, weight, bias, 1, {Precision::kF32, {}})(q, NormalizedContext(context, kEpsilon, across));
  EXPECT_LE(test::largest_difference(found, dense_attention(q, parts[0], parts[1], across).flatten(1)), 2e-6);
}

TEST(AbsorbedAttention, Int8LosesAboutAsMuchAsWithKeysAndValues) {
  const NoGradGuard no_grad;
  const ContextCase c;
  const Packing int8{Precision::kInt8, {}};
  const Tensor wanted = c.by_keys(at::linear(c.normed(), c.kv)),
               usual = c.by_keys(PackedLinear(c.kv, {}, int8)(c.normed())),
               absorbed = c.run(AbsorbedAttention(c.kv, c.weight, c.bias, kContextHeads, int8));
  const auto error = [&](const Tensor& y) { return (y - wanted).norm().item<double>(); };
  EXPECT_LE(error(absorbed), 0.03 * wanted.norm().item<double>());
  EXPECT_LE(error(absorbed), 2 * error(usual));  // rounded values are averaged over the rows seen; what was seen is not
}

TEST(AbsorbedAttention, SamplesDoNotDependOnTheBatch) {
  const NoGradGuard no_grad;
  ContextCase c;
  const Tensor together = c.run(c.absorbed);
  c.q = c.q.slice(0, 7), c.context = c.context.slice(0, 13), c.layout = AttentionLayout::across({2}, {8});
  EXPECT_TRUE(at::equal(together.slice(0, 7), c.run(c.absorbed)));
}

TEST(AbsorbedAttention, IsCheaperForFewQueries) {
  const ContextCase c;
  EXPECT_TRUE(c.absorbed.is_cheaper(AttentionLayout::across({8, 1}, {1, 100})));
  EXPECT_FALSE(c.absorbed.is_cheaper(AttentionLayout::across({8, 9}, {1, 100})));
}

TEST(AbsorbedAttention, PagesOfMatricesAreReleased) {
  const NoGradGuard no_grad;
  ContextCase c;
  int64_t returned = 0;
  const auto release_pages = [&](const Tensor& rows) {
    EXPECT_TRUE(rows.is_contiguous());
    returned += rows.numel();
  };
  const AbsorbedAttention absorbed(c.kv, c.weight, c.bias, kContextHeads, {Precision::kF32, release_pages});
  c.run(absorbed);
  EXPECT_EQ(returned, c.kv.numel());
}

TEST(AbsorbedAttention, HiddenRowsAreRefused) {
  const NoGradGuard no_grad;
  ContextCase c;
  c.layout.visible.assign(9, 1);
  EXPECT_THROW(c.run(c.absorbed), Error);
}

}  // namespace
}  // namespace fourm
