#include "fourm/transfer/heads.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/nn/unit_rows.h"

namespace fourm {
namespace {

constexpr double kSmallDeviation = 0.02;

// A linear map whose outputs begin near zero, so that the first predictions are even.
Linear small_linear(const Scope& scope, int64_t in, int64_t out) {
  return Linear::convolution(scope, {out, in}, /*zero=*/true);
}

// A layer applied to the rows [N, in] of x [..., in].
template <class Layer>
Tensor rows(const Layer& layer, const Tensor& x) {
  const Tensor y = layer(x.reshape({-1, x.size(-1)}));
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = y.size(1);
  return y.view(shape);
}

}  // namespace

LinearHead::LinearHead(const Scope& scope, int64_t width, int64_t class_count)
    : classes(small_linear(scope["classes"], width, class_count)) {}

Tensor LinearHead::operator()(const Tensor& tokens) const { return classes(tokens.mean({1, 2})).to(at::kFloat); }

AttentiveHead::AttentiveHead(const Scope& scope, int64_t width, int64_t attention_heads, int64_t class_count)
    : query(scope.parameter("query", {1, width}, Init::normal(kSmallDeviation))),
      norm(scope["norm"], width, true),
      kv(scope["kv"], width, 2 * width, true, 2),
      classes(small_linear(scope["classes"], width, class_count)),
      heads(attention_heads) {}

Tensor AttentiveHead::operator()(const Tensor& tokens) const {
  const int64_t batch = tokens.size(0), n = tokens.size(1) * tokens.size(2), width = tokens.size(3);
  const Tensor x = rows(kv, norm(tokens)).to(at::kFloat).reshape({batch, n, 2, heads, width / heads});
  const Tensor keys = x.select(2, 0), values = x.select(2, 1);  // [B, n, H, hd]
  const Tensor q =
      query.to(at::kFloat).view({1, 1, heads, width / heads}) / std::sqrt(static_cast<double>(width / heads));
  const Tensor weights = (keys * q).sum(-1).softmax(1).unsqueeze(-1);  // [B, n, H, 1]
  return classes((weights * values).sum(1).reshape({batch, width})).to(at::kFloat);
}

NeighbourHead::NeighbourHead(const Scope& scope, int64_t width, int64_t stored, int64_t class_count,
                             const HeadConfig& config)
    : features(scope.buffer("features", {stored, width}, Init::zeros())),
      labels(scope.buffer("labels", {stored}, Init::zeros())),
      neighbours(config.neighbours),
      num_classes(class_count),
      temperature(config.temperature) {}

Tensor NeighbourHead::features_of(const Tensor& tokens) { return unit_rows(tokens.mean({1, 2}).to(at::kFloat)); }

Tensor NeighbourHead::operator()(const Tensor& tokens) const {
  const Tensor cosines = features_of(tokens).matmul(features.t());  // [B, N]
  const auto [nearest, index] = cosines.topk(std::min(neighbours, features.size(0)), 1);
  const Tensor votes = at::zeros({cosines.size(0), num_classes}, cosines.options());
  votes.scatter_add_(1, labels.to(at::kLong).index_select(0, index.flatten()).view_as(index),
                     (nearest / temperature).softmax(1));
  return votes.clamp_min(1e-12).log();
}

ConvNextHead::ConvNextHead(const Scope& scope, int64_t token_width, int64_t class_count, const HeadConfig& config)
    : unfold(scope["unfold"], token_width, config.width * config.upsampling * config.upsampling, true),
      out(small_linear(scope["out"], config.width, class_count)),
      upsampling(config.upsampling),
      width(config.width) {
  for (int64_t i = 0; i < config.depth; ++i) blocks.emplace_back(scope["blocks"][i], config.width);
}

Tensor ConvNextHead::operator()(const Tensor& tokens, int64_t size) const {
  const int64_t batch = tokens.size(0), h = tokens.size(1), w = tokens.size(2), u = upsampling;
  Tensor x = rows(unfold, tokens).to(at::kFloat).view({batch, h, w, u, u, width});
  x = x.permute({0, 5, 1, 3, 2, 4}).reshape({batch, width, h * u, w * u});
  for (const auto& block : blocks) x = block(x);
  const Tensor maps = rows(out, x.permute({0, 2, 3, 1})).to(at::kFloat).permute({0, 3, 1, 2});
  return at::upsample_bilinear2d(maps, {size, size}, /*align_corners=*/false);
}

}  // namespace fourm
