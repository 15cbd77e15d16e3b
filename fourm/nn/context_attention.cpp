#include "fourm/nn/context_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/nn/operation_count.h"

namespace fourm {
namespace {

Tensor product(const Tensor& rows, const PanelMatrix& columns) {
  Tensor y = columns.multiply(rows, {}, {});
  count_operations("fourm::context_attention", 2.0 * static_cast<double>(rows.numel() * y.size(1)));
  return y;
}

}  // namespace

SharedContext::SharedContext(const Tensor& rows, double epsilon, AttentionLayout layout) : layout_(std::move(layout)) {
  check(layout_.visible.empty(), "[SharedContext] queries see all rows of their segments or none");
  const Tensor normed = at::layer_norm(rows.to(at::kFloat), {rows.size(1)}, {}, {}, epsilon);
  for (const auto& s : layout_.segments) {
    const Tensor some = normed.slice(0, s.k_begin, s.k_end);
    const bool asked = s.q_begin < s.q_end && s.k_begin < s.k_end;
    parts_.push_back(asked ? std::unique_ptr<const Part>(new Part{PanelMatrix(some.t()), PanelMatrix(some)}) : nullptr);
  }
}

ContextAttention::ContextAttention(const Tensor& kv, int64_t heads, const Packing& packing)
    : head_width_(kv.size(1) / heads) {
  const auto rows = kv.view({2, heads, head_width_, kv.size(1)});
  for (int64_t h = 0; h < heads; ++h) {
    const Tensor key = rows[0][h], value = rows[1][h];  // [hd, D]
    Packing columns = packing;                          // the rows of key^T are no run of the stored ones
    if (packing.give_back) columns.give_back = [key, give_back = packing.give_back](const Tensor&) { give_back(key); };
    heads_.push_back(std::unique_ptr<const Head>(new Head{{key.t(), {}, columns}, {value, {}, packing}}));
  }
}

bool ContextAttention::pays(const AttentionLayout& layout) const {
  return std::all_of(layout.segments.begin(), layout.segments.end(),
                     [&](const auto& s) { return 2 * (s.q_end - s.q_begin) <= head_width_; });
}

Tensor ContextAttention::operator()(const Tensor& q, const LayerContext& context) const {
  const int64_t heads = q.size(1), width = context.weight.size(0);
  const Tensor scaled = q.to(at::kFloat) / std::sqrt(static_cast<double>(head_width_));
  const Tensor asked = at::empty({q.size(0), heads, width}, at::kFloat), seen = at::zeros_like(asked);
  Tensor out = at::empty({q.size(0), heads, head_width_}, at::kFloat);
  const auto for_heads = [&](const auto& body) {
    at::parallel_for(0, heads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t h = begin; h < end; ++h) body(h, *heads_[h]);
    });
  };
  // The norm's bias adds the same to all that a query asks for, which softmax forgets.
  for_heads([&](int64_t h, const Head& head) {
    Tensor to = asked.select(1, h);
    at::mul_out(to, head.ask(scaled.select(1, h)), context.weight);
  });
  const auto& segments = context.shared->layout_.segments;
  for (size_t i = 0; i < segments.size(); ++i) {
    const auto* part = context.shared->parts_[i].get();
    if (!part) continue;
    const auto of_segment = [&](const Tensor& x) {
      return x.slice(0, segments[i].q_begin, segments[i].q_end).view({-1, width});  // [M H, D]
    };
    const Tensor weights = at::softmax(product(of_segment(asked), part->to_ask), 1);  // [M H, n]
    Tensor to = of_segment(seen);
    at::addcmul_out(to, context.bias, product(weights, part->to_see), context.weight);
  }
  for_heads([&](int64_t h, const Head& head) { out.select(1, h).copy_(head.value(seen.select(1, h))); });
  return out.flatten(1);
}

}  // namespace fourm
