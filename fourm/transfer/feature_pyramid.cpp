#include "fourm/transfer/feature_pyramid.h"

#include <cmath>

namespace fourm {
namespace {

// Norm over the channels of [B, C, H, W].
Tensor channel_norm(const LayerNorm& norm, const Tensor& x) {
  return norm(x.permute({0, 2, 3, 1}).contiguous()).permute({0, 3, 1, 2});
}

}  // namespace

NormedConv::NormedConv(const Scope& scope, int64_t in, int64_t out, int64_t kernel)
    : weight(scope.parameter("weight", {out, in, kernel, kernel},
                             Init::normal(std::sqrt(2.0 / static_cast<double>(out * kernel * kernel))))),
      norm(scope["norm"], out, true) {}

Tensor NormedConv::operator()(const Tensor& x) const {
  return channel_norm(norm, at::conv2d(x, weight.to(at::kFloat), {}, 1, weight.size(2) / 2));
}

DoublingConv::DoublingConv(const Scope& scope, int64_t in, int64_t out)
    : weight(scope.parameter("weight", {in, out, 2, 2}, Init::normal(std::sqrt(1.0 / static_cast<double>(in))))),
      bias(scope.parameter("bias", {out}, Init::zeros())) {}

Tensor DoublingConv::operator()(const Tensor& x) const {
  return at::conv_transpose2d(x, weight.to(at::kFloat), bias.to(at::kFloat), 2);
}

Tensor each_position(const Linear& layer, const Tensor& x) {
  const Tensor rows = x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)});
  return layer(rows).to(at::kFloat).view({x.size(0), x.size(2) * x.size(3), layer.weight.size(0)});
}

FeaturePyramid::FeaturePyramid(const Scope& scope, int64_t width, int64_t channels)
    : up2(scope["up2"], width, width / 2),
      up4(scope["up4"], width, width / 2),
      up4_again(scope["up4_again"], width / 2, width / 4),
      up4_norm(scope["up4_norm"], width / 2, true) {
  const int64_t widths[] = {width / 4, width / 2, width, width};
  for (int64_t i = 0; i < 4; ++i) {
    reduce.emplace_back(scope["reduce"][i], widths[i], channels, 1);
    smooth.emplace_back(scope["smooth"][i], channels, channels, 3);
  }
}

std::vector<PyramidLevel> FeaturePyramid::operator()(const Tensor& tokens, double patch) const {
  const Tensor x = tokens.permute({0, 3, 1, 2}).contiguous();
  const Tensor four = up4_again(at::gelu(channel_norm(up4_norm, up4(x))));
  const Tensor maps[] = {four, up2(x), x, at::max_pool2d(x, 2, 2, 0, 1, /*ceil_mode=*/true)};
  std::vector<PyramidLevel> levels;
  for (size_t i = 0; i < 4; ++i)
    levels.push_back({smooth[i](reduce[i](maps[i])), patch / 4 * static_cast<double>(1 << i)});
  levels.push_back({at::max_pool2d(levels[3].map, 1, 2, 0, 1, true), patch * 4});
  return levels;
}

}  // namespace fourm
