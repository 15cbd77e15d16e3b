// Maps of several strides from the one map of a plain encoder: ViTDet's simple feature pyramid (Li et al. 2022).
#pragma once

#include <vector>

#include "fourm/nn/layers.h"
#include "fourm/transfer/roi_align.h"

namespace fourm {

/// A convolution with a norm over channels. [B, C, H, W]
struct NormedConv {
  Tensor weight;  // [out, in, k, k]
  LayerNorm norm;
  NormedConv() = default;
  NormedConv(const Scope& scope, int64_t in, int64_t out, int64_t kernel);
  Tensor operator()(const Tensor& x) const;
};

/// A transposed convolution that doubles the sides. [B, C, H, W]
struct DoublingConv {
  Tensor weight, bias;  // [in, out, 2, 2], [out]
  DoublingConv() = default;
  DoublingConv(const Scope& scope, int64_t in, int64_t out);
  Tensor operator()(const Tensor& x) const;
};

/// A layer applied to the positions of [B, C, H, W]: rows [B, H W, out], float32. B may be 0.
Tensor each_position(const Linear& layer, const Tensor& x);

/// Maps of strides 4 to 64 (with patches of 16 pixels) from tokens [B, h, w, D].
struct FeaturePyramid {
  DoublingConv up2, up4, up4_again;
  LayerNorm up4_norm;
  std::vector<NormedConv> reduce, smooth;
  FeaturePyramid() = default;
  FeaturePyramid(const Scope& scope, int64_t width, int64_t channels);
  std::vector<PyramidLevel> operator()(const Tensor& tokens, double patch) const;
};

}  // namespace fourm
