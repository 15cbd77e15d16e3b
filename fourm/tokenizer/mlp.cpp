#include "fourm/tokenizer/mlp.h"

#include "fourm/core/error.h"

namespace fourm {

PositionMlp::PositionMlp(const Scope& scope, const MlpSizes& sizes, int64_t in, int64_t out)
    : bottleneck_(sizes.bottleneck),
      linear_in_(scope["linear_in"], in, sizes.width, true),
      linear_out_(scope["linear_out"], sizes.width, out, true) {
  const int64_t w = sizes.width, hidden = w * sizes.expansion;
  for (int64_t i = 0; i < (bottleneck_ ? sizes.layers : sizes.layers - 1); ++i) {
    norms_.emplace_back(scope["layernorms"][i], w, true, 1e-5);
    if (bottleneck_) {
      first_.emplace_back(scope["blocks"][i]["block"][int64_t{0}], w, hidden, true);
      second_.emplace_back(scope["blocks"][i]["block"][int64_t{2}], hidden, w, true);
    } else {
      first_.emplace_back(scope["layers"][i], w, w, true);
    }
  }
}

Tensor PositionMlp::operator()(const Tensor& rows) const {
  Tensor x = linear_in_(rows);
  for (size_t i = 0; i < norms_.size(); ++i) {
    const Tensor h = first_[i](norms_[i](x));
    x = bottleneck_ ? x + second_[i](at::gelu(h)) : h;
  }
  return linear_out_(x);
}

FeatureMap MlpEncoder::operator()(const Tensor& x) const {
  check(x.dim() == 4 && x.size(1) == channels_, "the tokenizer expects vectors of ", channels_,
        " numbers as [B, C, h, w], got shape ", x.sizes());
  FeatureMap in = FeatureMap::of(x);
  return {mlp_(in.rows), in.grid};
}

}  // namespace fourm
