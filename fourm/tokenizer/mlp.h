// MLPs over the features of each position: tokenizers of global features and poses. The original:
// fourm/vq/models/mlp_models.py.
#pragma once

#include <vector>

#include "fourm/nn/layers.h"
#include "fourm/tokenizer/config.h"
#include "fourm/tokenizer/feature_map.h"

namespace fourm {

/// Rows [N, in] -> [N, out]. Bottleneck: residual blocks x += fc2(gelu(fc1(norm x))). Plain: x = fc(norm x), linear as
/// in the original.
class PositionMlp {
 public:
  PositionMlp(const Scope& scope, const MlpSizes& sizes, int64_t in, int64_t out);
  Tensor operator()(const Tensor& rows) const;

 private:
  bool bottleneck_;
  Linear linear_in_, linear_out_;
  std::vector<LayerNorm> norms_;
  std::vector<Linear> first_, second_;
};

class MlpEncoder : public TokenEncoder {
 public:
  MlpEncoder(const Scope& scope, const MlpSizes& sizes, int64_t channels)
      : channels_(channels), width_(sizes.width), mlp_(scope, sizes, channels, sizes.width) {}
  int64_t width() const override { return width_; }
  FeatureMap operator()(const Tensor& x) const override;

 private:
  int64_t channels_, width_;
  PositionMlp mlp_;
};

class MlpDecoder : public TokenDecoder {
 public:
  MlpDecoder(const Scope& scope, const MlpSizes& sizes, int64_t channels)
      : width_(sizes.width), mlp_(scope, sizes, sizes.width, channels) {}
  int64_t width() const override { return width_; }
  Tensor operator()(const FeatureMap& features, const DecodeOptions&) const override {
    return FeatureMap{mlp_(features.rows), features.grid}.image();
  }

 private:
  int64_t width_;
  PositionMlp mlp_;
};

}  // namespace fourm
