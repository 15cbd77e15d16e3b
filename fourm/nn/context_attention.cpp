#include "fourm/nn/context_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/nn/operation_count.h"
#include "fourm/nn/panel_matrix.h"

namespace fourm {
namespace {

// rows columns, both as they come
Tensor product(const Tensor& rows, const Tensor& columns) {
  count_operations("fourm::context_attention", 2.0 * static_cast<double>(rows.numel() * columns.size(1)));
  return PanelMatrix(columns).multiply(rows, {}, {});
}

}  // namespace

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

Tensor ContextAttention::operator()(const Tensor& q, const Tensor& context, const AttentionLayout& layout) const {
  check(layout.visible.empty(), "[ContextAttention] queries see all rows of their segments or none");
  const int64_t heads = q.size(1), width = context.size(1);
  const Tensor scaled = q.to(at::kFloat) / std::sqrt(static_cast<double>(head_width_)), rows = context.to(at::kFloat);
  const Tensor asked = at::empty({q.size(0), heads, width}, at::kFloat), seen = at::zeros_like(asked);
  const Tensor out = at::empty({q.size(0), heads, head_width_}, at::kFloat);
  const auto for_heads = [&](const Tensor& from, const Tensor& to, const PackedLinear Head::*matrix) {
    at::parallel_for(0, heads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t h = begin; h < end; ++h) to.select(1, h).copy_(((*heads_[h]).*matrix)(from.select(1, h)));
    });
  };
  for_heads(scaled, asked, &Head::ask);
  for (const auto& s : layout.segments) {
    if (s.q_begin == s.q_end || s.k_begin == s.k_end) continue;
    const Tensor some = rows.slice(0, s.k_begin, s.k_end);                        // [N, D]
    const Tensor queries = asked.slice(0, s.q_begin, s.q_end).view({-1, width});  // [M H, D]
    const Tensor weights = at::softmax(product(queries, some.t()), 1);            // [M H, N]
    seen.slice(0, s.q_begin, s.q_end).view({-1, width}).copy_(product(weights, some));
  }
  for_heads(seen, out, &Head::value);
  return out.flatten(1);
}

}  // namespace fourm
