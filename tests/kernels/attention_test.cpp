// Attention of packed batches against dense masks: values and gradients, in both precisions.
#include "fourm/kernels/cpu/attention.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/kernels/aten/attention.h"
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
  all.push_back({AttentionLayout::within({6, 6, 6}), 18, 18});  // equal lengths are one batch to aten_attention
  all.push_back({AttentionLayout::across({2, 2}, {30, 30}), 4, 60});
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
    const auto reference = run(dense_attention);
    const auto compare = [&](const std::array<Tensor, 3>& found, const char* name) {
      for (size_t i = 0; i < found.size(); ++i)
        EXPECT_LE(test::largest_difference(found[i], reference[i]), tolerance)
            << name << ", result " << i << ", width " << width << ", " << n << " queries";
    };
    compare(run(cpu_attention), "cpu_attention");
    compare(run([&](const auto&... x) { return aten_attention(x..., type); }), "aten_attention");
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
  const auto layout = AttentionLayout::within({4});
  for (const Tensor& out : {cpu_attention(q, q, v, layout), aten_attention(q, q, v, layout, at::kFloat)})
    EXPECT_LE(test::largest_difference(out[0], v.mean(0)), 1e-6);
}

TEST(Attention, ShapesThatDoNotFitAreRefused) {
  const Tensor x = at::zeros({4, 1, 8}), y = at::zeros({4, 2, 4});
  const auto layout = AttentionLayout::within({4});
  EXPECT_THROW(cpu_attention(x, y, y, layout), Error);
  EXPECT_THROW(aten_attention(x, y, y, layout, at::kFloat), Error);
}

TEST(DenseAttention, SegmentsOutOfOrderAreRefused) {
  const Tensor x = at::zeros({5, 1, 8});
  AttentionLayout layout = AttentionLayout::within({2, 3});
  std::swap(layout.segments[0], layout.segments[1]);
  EXPECT_THROW(dense_attention(x, x, x, layout), Error);
}

TEST(AtenAttention, ComputesInTheGivenType) {
  for (const auto& [layout, n, m] : layouts()) {
    const Tensor q = random_tensor({n, 2, 16}, 1, at::kFloat), k = random_tensor({m, 2, 16}, 2, at::kFloat),
                 v = random_tensor({m, 2, 16}, 3, at::kFloat);
    const Tensor out = aten_attention(q, k, v, layout, at::kBFloat16);
    EXPECT_EQ(out.scalar_type(), at::kBFloat16);
    EXPECT_LE(test::largest_difference(out, dense_attention(q, k, v, layout)), 0.05) << n << " queries";
  }
}

// Segments of any length, also empty ones, whose keys may be shared or unused. In a segment all keys are visible, a
// prefix, one more for each row, a prefix and then one more for each row, or any number.
Layouts random_layout(Random& random) {
  Layouts all{{}, 0, random.between(1, 12)};
  auto& [layout, queries, keys] = all;
  const bool limited = random.chance(0.8);
  for (int64_t i = random.between(1, 5); i > 0; --i) {
    const int64_t n = random.between(0, 8), begin = random.between(0, keys), end = random.between(begin, keys),
                  count = end - begin, kind = random.below(5), prefix = random.between(0, count),
                  first = random.between(-3, count);
    layout.segments.push_back({queries, queries + n, begin, end});
    queries += n;
    for (int64_t row = 0; limited && row < n; ++row) {
      const int64_t seen[] = {count, prefix, first + row, std::max(prefix, row + 1), random.between(0, count)};
      layout.visible.push_back(static_cast<int32_t>(std::clamp<int64_t>(seen[kind], 0, count)));
    }
  }
  return all;
}

// The calls one run at a time, each with its own mask.
Tensor replay(const std::vector<AttentionCall>& calls, const Tensor& q, const Tensor& k, const Tensor& v) {
  Tensor out = at::zeros_like(q);
  for (const AttentionCall& call : calls)
    for (size_t run = 0; run + 1 < call.cu_seqlens_q.size(); ++run) {
      const auto rows = [&](const std::vector<int64_t>& all, const std::vector<int32_t>& ends) {
        return at::tensor(at::ArrayRef<int64_t>(all).slice(ends[run], ends[run + 1] - ends[run]), at::kLong);
      };
      const Tensor q_rows = rows(call.q_rows, call.cu_seqlens_q), k_rows = rows(call.k_rows, call.cu_seqlens_k);
      const int64_t n = q_rows.numel(), m = k_rows.numel();
      const Tensor hidden = call.causal ? at::ones({n, m}, at::kBool).triu(m - n + 1) : at::zeros({n, m}, at::kBool);
      const Tensor scores = at::einsum("nhd,mhd->hnm", {q.index_select(0, q_rows), k.index_select(0, k_rows)}) /
                            std::sqrt(static_cast<double>(q.size(2)));
      const Tensor weights = at::nan_to_num(scores.masked_fill(hidden, -INFINITY).softmax(-1), 0.0);
      out.index_copy_(0, q_rows, at::einsum("hnm,mhd->nhd", {weights, v.index_select(0, k_rows)}));
    }
  return out;
}

// The length of the longest run.
int64_t longest(const std::vector<int32_t>& ends) {
  int64_t most = 0;
  for (size_t i = 1; i < ends.size(); ++i) most = std::max<int64_t>(most, ends[i] - ends[i - 1]);
  return most;
}

TEST(AttentionCalls, GiveWhatDenseMasksGive) {
  Random random(11);
  int full = 0, causal = 0;
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    const auto [layout, n, m] = random_layout(random);
    const Tensor q = random_tensor({n, 2, 5}, 1, at::kDouble), k = random_tensor({m, 2, 5}, 2, at::kDouble),
                 v = random_tensor({m, 2, 5}, 3, at::kDouble);
    const auto calls = attention_calls(layout);
    ASSERT_LE(calls.size(), 2u);
    std::vector<int64_t> queries;
    for (const AttentionCall& call : calls) {
      ++(call.causal ? causal : full);
      ASSERT_EQ(call.cu_seqlens_q.size(), call.cu_seqlens_k.size());
      EXPECT_EQ(call.cu_seqlens_q.back(), static_cast<int64_t>(call.q_rows.size()));
      EXPECT_EQ(call.cu_seqlens_k.back(), static_cast<int64_t>(call.k_rows.size()));
      EXPECT_EQ(call.max_seqlen_q, longest(call.cu_seqlens_q));
      EXPECT_EQ(call.max_seqlen_k, longest(call.cu_seqlens_k));
      queries.insert(queries.end(), call.q_rows.begin(), call.q_rows.end());
    }
    std::sort(queries.begin(), queries.end());
    EXPECT_EQ(std::adjacent_find(queries.begin(), queries.end()), queries.end()) << "a query is in two runs";
    const Tensor expected = dense_attention(q, k, v, layout);
    EXPECT_LE(test::largest_difference(replay(calls, q, k, v), expected), 1e-12);
    EXPECT_LE(test::largest_difference(aten_attention(q, k, v, layout, at::kDouble), expected), 1e-12);
  }
  EXPECT_GT(full, 100);
  EXPECT_GT(causal, 30);
}

}  // namespace
}  // namespace fourm
