#include "fourm/kernels/cpu/absorbed_attention.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/kernels/operation_count.h"

namespace fourm {

NormalizedContext::NormalizedContext(const Tensor& rows, double epsilon, AttentionLayout layout)
    : layout_(std::move(layout)) {
  check(layout_.visible.empty(), "[NormalizedContext] queries see all rows of their segments or none");
  const Tensor normed = at::layer_norm(as_type(rows, at::kFloat), {rows.size(1)}, {}, {}, epsilon);
  for (const auto& s : layout_.segments) {
    const Tensor some = normed.slice(0, s.k_begin, s.k_end);
    const bool used = s.q_begin < s.q_end && s.k_begin < s.k_end;
    parts_.push_back(used ? std::optional(Part{PanelMatrix(some.t()), PanelMatrix(some)}) : std::nullopt);
  }
}

AbsorbedAttention::AbsorbedAttention(Tensor kv, Tensor norm_weight, Tensor norm_bias, int64_t heads, Packing packing)
    : kv_(std::move(kv)),
      norm_weight_(std::move(norm_weight)),
      norm_bias_(std::move(norm_bias)),
      head_count_(heads),
      head_width_(kv_.size(1) / heads),
      packing_(std::move(packing)) {}

bool AbsorbedAttention::is_cheaper(const AttentionLayout& layout) const {
  return std::all_of(layout.segments.begin(), layout.segments.end(),
                     [&](const auto& s) { return 2 * (s.q_end - s.q_begin) <= head_width_; });
}

// With normalised rows n, norm weight w and norm bias b: q W_k (n w + b) equals q W_k w n up to a constant that is the same
// for all rows, which softmax ignores. The weighted sum of W_v (n w + b) is W_v w applied to the weighted sum of n, plus
// W_v b.
const AbsorbedAttention::Heads& AbsorbedAttention::heads() const {
  return heads_.get([&] {
    const NoGradGuard no_grad;
    using Dtype = PanelMatrix::Dtype;
    const auto dtype = packing_.precision == Precision::kInt8 ? Dtype::kInt8 : Dtype::kFloat32;
    const int64_t width = kv_.size(1);
    const double scale = 1 / std::sqrt(static_cast<double>(head_width_));
    const Tensor kv = kv_.to(at::kFloat);
    const Tensor rows = (kv * norm_weight_).view({2, head_count_, head_width_, width});
    Heads heads{PanelMatrix({.in = head_width_, .out = width, .heads = head_count_}, dtype),
                PanelMatrix({.in = width, .out = head_width_, .heads = head_count_}, dtype),
                at::mv(kv.slice(0, width), norm_bias_)};
    for (int64_t h = 0; h < head_count_; ++h) {
      heads.key.pack(rows[0][h] * scale, 0, h);
      heads.value.pack(rows[1][h].t(), 0, h);
    }
    if (packing_.release_pages) packing_.release_pages(kv_);
    return heads;
  });
}

Tensor AbsorbedAttention::operator()(const Tensor& q, const PreparedContext& prepared) const {
  const auto& context = static_cast<const NormalizedContext&>(prepared);
  const Heads& own = heads();
  const int64_t queries = q.size(0), width = kv_.size(1);
  const Tensor queries_by_head = own.key.multiply(as_type(q, at::kFloat), {}, {}),
               weighted = at::empty_like(queries_by_head);  // [M, H, D]
  double operations = 4.0 * static_cast<double>(queries * width * width);
  const auto& segments = context.layout_.segments;
  for (size_t i = 0; i < segments.size(); ++i) {
    const auto of_segment = [&](const Tensor& x) {
      return x.slice(0, segments[i].q_begin, segments[i].q_end).view({-1, width});  // [M H, D]
    };
    if (const auto& part = context.parts_[i]) {
      const Tensor weights = at::softmax(part->as_keys.multiply(of_segment(queries_by_head), {}, {}), 1);  // [M H, n]
      part->as_values.multiply(weights, {}, {}, of_segment(weighted));
      operations += 4.0 * static_cast<double>(weights.numel() * width);
    } else {
      of_segment(weighted).zero_();
    }
  }
  const Tensor out = own.value.multiply(weighted, own.bias, {});  // [M, H, hd]
  for (size_t i = 0; i < segments.size(); ++i)
    if (!context.parts_[i]) out.slice(0, segments[i].q_begin, segments[i].q_end).zero_();
  count_operations("fourm::absorbed_attention", operations);
  return out.flatten(1);
}

}  // namespace fourm
