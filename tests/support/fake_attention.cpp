// The variable-length attention kernels of the fake device, computed run by run. Names, arguments, checks and results
// are those of LibTorch's CUDA kernels (ATen/native/transformers/cuda/attention.cu), so that its derivatives apply.
#include <torch/library.h>

#include <cmath>

#include "tests/support/fake_device.h"

namespace fourm::test {
namespace {

bool is_fake(const Tensor& tensor) { return tensor.defined() && tensor.is_privateuseone(); }

// q [N, H, hd], k and v [M, H, hd]; query run i sees key run i.
struct Runs {
  Tensor q, k, v, cu_seqlens_q, cu_seqlens_k;
  int64_t max_seqlen_q, max_seqlen_k;
  bool causal;  // the last query of a run sees all keys, each before it one less
  double scale;

  void check() const {
    TORCH_CHECK(is_fake(q) && is_fake(k) && is_fake(v) && is_fake(cu_seqlens_q) && is_fake(cu_seqlens_k),
                "Expected all tensors of attention to be on the same device");
    TORCH_CHECK(q.scalar_type() == k.scalar_type() && k.scalar_type() == v.scalar_type(),
                "Expected q, k and v to have the same type");
    TORCH_CHECK(cu_seqlens_q.scalar_type() == at::kInt && cu_seqlens_k.scalar_type() == at::kInt,
                "Expected cu_seqlens to have the type int32");
    TORCH_CHECK(cu_seqlens_q.is_contiguous() && cu_seqlens_k.is_contiguous(), "Expected cu_seqlens to be contiguous");
    TORCH_CHECK(cu_seqlens_q.dim() == 1 && cu_seqlens_q.sizes() == cu_seqlens_k.sizes(),
                "Expected cu_seqlens of the same length");
    TORCH_CHECK(q.stride(-1) == 1 && k.stride(-1) == 1 && v.stride(-1) == 1,
                "Expected the last dimension to be contiguous");
  }
  void check_flash() const {
    check();
    TORCH_CHECK(q.scalar_type() == at::kBFloat16 || q.scalar_type() == at::kHalf,
                "FlashAttention only supports fp16 and bf16");
    TORCH_CHECK(q.size(2) % 8 == 0 && q.size(2) <= 256,
                "FlashAttention only supports head widths that are multiples of 8 and at most 256");
  }
  void check_efficient() const {
    check();
    const bool narrow = q.scalar_type() == at::kBFloat16 || q.scalar_type() == at::kHalf;
    TORCH_CHECK(narrow || q.scalar_type() == at::kFloat, "memory-efficient attention has no such type");
    TORCH_CHECK(q.size(2) % (narrow ? 8 : 4) == 0, "memory-efficient attention has no such head width");
  }

  // body(i, queries, keys): [begin, end) of each run.
  template <class Body>
  void each(const Body& body) const {
    const Tensor a = on_host(cu_seqlens_q), b = on_host(cu_seqlens_k);
    const int32_t *q_at = a.const_data_ptr<int32_t>(), *k_at = b.const_data_ptr<int32_t>();
    const int64_t runs = a.size(0) - 1;
    TORCH_CHECK(q_at[0] == 0 && k_at[0] == 0 && q_at[runs] == q.size(0) && k_at[runs] <= k.size(0),
                "cu_seqlens end at ", q_at[runs], " and ", k_at[runs], ", of ", q.size(0), " and ", k.size(0), " rows");
    for (int64_t i = 0; i < runs; ++i) {
      TORCH_CHECK(q_at[i + 1] - q_at[i] <= max_seqlen_q && k_at[i + 1] - k_at[i] <= max_seqlen_k,
                  "a run is longer than max_seqlen");
      body(i, std::pair{q_at[i], q_at[i + 1]}, std::pair{k_at[i], k_at[i + 1]});
    }
  }
  // Of queries [n, H, hd] and keys [m, H, hd]: [H, n, m].
  Tensor scores(const Tensor& queries, const Tensor& keys) const {
    const Tensor all = at::matmul(queries.transpose(0, 1), keys.permute({1, 2, 0})) * scale;
    if (!causal) return all;
    const int64_t n = queries.size(0), m = keys.size(0);
    return all.masked_fill(at::ones({n, m}, at::kBool).triu(m - n + 1), -INFINITY);
  }
};

using Range = std::pair<int32_t, int32_t>;

// float32 [n, H, hd]
Tensor rows(const Tensor& x, Range range) { return on_host(x).slice(0, range.first, range.second).to(at::kFloat); }
void set_rows(const Tensor& x, Range range, const Tensor& values) {
  on_host(x).slice(0, range.first, range.second).copy_(values);
}

// The result [N, H, hd], and of each run the logarithms of the sums of exponentials [H, n].
Tensor forward(const Runs& runs, const std::function<void(int64_t, Range, const Tensor&)>& keep_sums) {
  const Tensor out = at::zeros(runs.q.sizes(), runs.q.options());
  runs.each([&](int64_t i, Range q, Range k) {
    if (q.first == q.second || k.first == k.second) return;
    const Tensor scores = runs.scores(rows(runs.q, q), rows(runs.k, k));
    keep_sums(i, q, at::logsumexp(scores, {2}));
    const Tensor weights = at::nan_to_num(at::softmax(scores, -1), 0.0);
    set_rows(out, q, at::matmul(weights, rows(runs.v, k).transpose(0, 1)).transpose(0, 1));
  });
  return out;
}

struct Gradients {
  Tensor q, k, v;
};

Gradients backward(const Runs& runs, const Tensor& gradient, const Tensor& out,
                   const std::function<Tensor(int64_t, Range)>& sums) {
  Gradients of{at::zeros_like(runs.q), at::zeros_like(runs.k), at::zeros_like(runs.v)};
  runs.each([&](int64_t i, Range q, Range k) {
    if (q.first == q.second || k.first == k.second) return;
    const Tensor queries = rows(runs.q, q), keys = rows(runs.k, k), values = rows(runs.v, k);
    const Tensor dy = rows(gradient, q).transpose(0, 1), y = rows(out, q).transpose(0, 1);  // [H, n, hd]
    const Tensor weights = at::exp(runs.scores(queries, keys) - sums(i, q).unsqueeze(2));   // [H, n, m]
    const Tensor d_weights = at::matmul(dy, values.permute({1, 2, 0}));
    const Tensor d_scores = weights * (d_weights - (dy * y).sum(2, /*keepdim=*/true)) * runs.scale;
    set_rows(of.q, q, at::matmul(d_scores, keys.transpose(0, 1)).transpose(0, 1));
    set_rows(of.k, k, at::matmul(d_scores.transpose(1, 2), queries.transpose(0, 1)).transpose(0, 1));
    set_rows(of.v, k, at::matmul(weights.transpose(1, 2), dy).transpose(0, 1));
  });
  return of;
}

double scale_of(const Tensor& q, std::optional<double> given) {
  return given.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
}

Tensor no_random_state(const Tensor& q) { return at::empty({2}, q.options().dtype(at::kLong)); }

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> flash_forward(
    const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& cu_seqlens_q,
    const std::optional<Tensor>& cu_seqlens_k, int64_t max_seqlen_q, int64_t max_seqlen_k, double /*dropout*/,
    bool causal, bool /*debug*/, std::optional<double> scale, std::optional<int64_t>, std::optional<int64_t>,
    const std::optional<Tensor>&, const std::optional<Tensor>&, const std::optional<Tensor>&, std::optional<int64_t>) {
  count_operator("aten::_flash_attention_forward");
  const Runs runs{
      q, k, v, cu_seqlens_q.value(), cu_seqlens_k.value(), max_seqlen_q, max_seqlen_k, causal, scale_of(q, scale)};
  runs.check_flash();
  const Tensor sums = at::zeros({q.size(1), q.size(0)}, q.options().dtype(at::kFloat));
  const Tensor out = forward(runs, [&](int64_t, Range at, const Tensor& values) {
    on_host(sums).slice(1, at.first, at.second).copy_(values);
  });
  return {out, sums, no_random_state(q), at::empty({0}, q.options()), at::empty({0}, q.options())};
}

std::tuple<Tensor, Tensor, Tensor> flash_backward(const Tensor& gradient, const Tensor& q, const Tensor& k,
                                                  const Tensor& v, const Tensor& out, const Tensor& sums,
                                                  const Tensor& cu_seqlens_q, const Tensor& cu_seqlens_k,
                                                  int64_t max_seqlen_q, int64_t max_seqlen_k, double /*dropout*/,
                                                  bool causal, const Tensor&, const Tensor&,
                                                  std::optional<double> scale, std::optional<int64_t>,
                                                  std::optional<int64_t>) {
  count_operator("aten::_flash_attention_backward");
  const Runs runs{q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, causal, scale_of(q, scale)};
  runs.check_flash();
  const Gradients of =
      backward(runs, gradient, out, [&](int64_t, Range at) { return on_host(sums).slice(1, at.first, at.second); });
  return {of.q, of.k, of.v};
}

constexpr int64_t kCausalFromBottomRight = 2;

// [1, N, H, hd] each
Runs efficient_runs(const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& bias,
                    const std::optional<Tensor>& cu_seqlens_q, const std::optional<Tensor>& cu_seqlens_k,
                    int64_t max_seqlen_q, int64_t max_seqlen_k, int64_t mask, std::optional<double> scale) {
  TORCH_CHECK(q.dim() == 4 && q.size(0) == 1 && k.size(0) == 1 && v.size(0) == 1,
              "cu_seqlen only supports batch_size=1");
  TORCH_CHECK(!bias || !bias->defined(), "the fake device has no attention with a bias");
  TORCH_CHECK(mask == 0 || mask == kCausalFromBottomRight, "the fake device has no such mask");
  return {q[0],
          k[0],
          v[0],
          cu_seqlens_q.value(),
          cu_seqlens_k.value(),
          max_seqlen_q,
          max_seqlen_k,
          mask == kCausalFromBottomRight,
          scale_of(q, scale)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, c10::SymInt, c10::SymInt> efficient_forward(
    const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& bias,
    const std::optional<Tensor>& cu_seqlens_q, const std::optional<Tensor>& cu_seqlens_k,
    std::optional<c10::SymInt> max_seqlen_q, std::optional<c10::SymInt> max_seqlen_k, double /*dropout*/, int64_t mask,
    bool with_sums, std::optional<double> scale, const std::optional<Tensor>&, std::optional<int64_t>) {
  count_operator("aten::_efficient_attention_forward");
  const int64_t most_q = max_seqlen_q.value().expect_int(), most_k = max_seqlen_k.value().expect_int();
  const Runs runs = efficient_runs(q, k, v, bias, cu_seqlens_q, cu_seqlens_k, most_q, most_k, mask, scale);
  runs.check_efficient();
  constexpr int64_t kRound = 32;
  const int64_t padded = with_sums ? (most_q + kRound - 1) / kRound * kRound : 0;
  const Tensor sums = at::zeros({runs.cu_seqlens_q.size(0) - 1, q.size(2), padded}, q.options().dtype(at::kFloat));
  const Tensor out = forward(runs, [&](int64_t i, Range, const Tensor& values) {
    if (with_sums) on_host(sums)[i].slice(1, 0, values.size(1)).copy_(values);
  });
  const Tensor state = at::empty({}, q.options().dtype(at::kLong));
  return {out.unsqueeze(0), sums, state, state.clone(), most_q, most_k};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> efficient_backward(
    const Tensor& gradient, const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& bias,
    const Tensor& out, const std::optional<Tensor>& cu_seqlens_q, const std::optional<Tensor>& cu_seqlens_k,
    c10::SymInt max_seqlen_q, c10::SymInt max_seqlen_k, const Tensor& sums, double /*dropout*/, const Tensor&,
    const Tensor&, int64_t mask, bool, std::optional<double> scale, std::optional<int64_t>, std::optional<int64_t>,
    bool) {
  count_operator("aten::_efficient_attention_backward");
  TORCH_CHECK(sums.size(2) > 0, "the forward pass has kept no logsumexp");
  const Runs runs = efficient_runs(q, k, v, bias, cu_seqlens_q, cu_seqlens_k, max_seqlen_q.expect_int(),
                                   max_seqlen_k.expect_int(), mask, scale);
  runs.check_efficient();
  const Gradients of = backward(runs, gradient[0], out[0], [&](int64_t i, Range at) {
    return on_host(sums)[i].slice(1, 0, at.second - at.first);
  });
  return {of.q.unsqueeze(0), of.k.unsqueeze(0), of.v.unsqueeze(0), Tensor()};
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("_flash_attention_forward", flash_forward);
  m.impl("_flash_attention_backward", flash_backward);
  m.impl("_efficient_attention_forward", efficient_forward);
  m.impl("_efficient_attention_backward", efficient_backward);
}

}  // namespace
}  // namespace fourm::test
