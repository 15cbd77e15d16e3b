// The packed kernel against dense masks, values and gradients, in both precisions.
#include "fourm/kernels/cpu/attention.h"

#include "fourm/core/rng.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

Tensor random_tensor(at::IntArrayRef shape, uint64_t seed, at::ScalarType type) {
  Tensor t = at::empty(shape, at::kDouble);
  Random random(seed);
  for (int64_t i = 0; i < t.numel(); ++i) t.data_ptr<double>()[i] = random.normal();
  return t.to(type);
}

struct Layouts {
  AttentionLayout layout;
  int64_t queries, keys;
};

std::vector<Layouts> layouts() {
  std::vector<Layouts> all;
  all.push_back({AttentionLayout::within({5, 1, 40, 33}), 79, 79});
  all.push_back({AttentionLayout::across({3, 0, 20}, {70, 4, 0}), 23, 74});  // the last sample has an empty context
  all.push_back({AttentionLayout::across({1, 1, 2}, {33, 5, 41}), 4, 79});   // one query at a time, as in decoding
  Layouts causal{AttentionLayout::within({7, 65}), 72, 72};
  for (int i = 0; i < 7; ++i) causal.layout.visible.push_back(i + 1);
  for (int i = 0; i < 65; ++i) causal.layout.visible.push_back(i < 30 ? 30 : i + 1);  // a block, then causal
  all.push_back(causal);
  return all;
}

void expect_same(at::ScalarType type, int64_t heads, int64_t width, double tolerance) {
  for (const auto& [layout, n, m] : layouts()) {
    // Strided views, as they come from one qkv projection.
    Tensor qkv = random_tensor({n, 3, heads, width}, 1, type).requires_grad_();
    Tensor kv = random_tensor({m, 2, heads, width}, 2, type).requires_grad_();
    const Tensor weight = random_tensor({n, heads, width}, 3, type);
    const auto run = [&](auto&& function) {
      qkv.mutable_grad() = Tensor();
      kv.mutable_grad() = Tensor();
      const Tensor out = function(qkv.select(1, 0), kv.select(1, 0), kv.select(1, 1), layout);
      (out * weight).sum().backward();
      return std::array{out.detach().clone(), qkv.grad().clone(), kv.grad().clone()};
    };
    const auto fast = run(attention), reference = run(attention_reference);
    for (size_t i = 0; i < fast.size(); ++i)
      EXPECT_LE(test::largest_difference(fast[i], reference[i]), tolerance) << "result " << i << " width " << width;
  }
}

TEST(Attention, EqualsDenseMasksInDouble) {
  expect_same(at::kDouble, 2, 64, 1e-12);
  expect_same(at::kDouble, 3, 7, 1e-12);
}
TEST(Attention, EqualsDenseMasksInFloat) {
  expect_same(at::kFloat, 2, 64, 2e-5);
  expect_same(at::kFloat, 3, 14, 2e-5);
  expect_same(at::kFloat, 1, 1, 2e-5);
}

TEST(Attention, LargeScoresStayFinite) {
  const Tensor q = at::full({4, 1, 8}, 100.0f), v = random_tensor({4, 1, 8}, 4, at::kFloat);
  const Tensor out = attention(q, q, v, AttentionLayout::within({4}));
  EXPECT_LE(test::largest_difference(out[0], v.mean(0)), 1e-6);
}

TEST(Attention, ShapesThatDoNotFitAreRefused) {
  const Tensor x = at::zeros({4, 1, 8}), y = at::zeros({4, 2, 4});
  EXPECT_THROW(attention(x, y, y, AttentionLayout::within({4})), std::exception);
}

}  // namespace
}  // namespace fourm
