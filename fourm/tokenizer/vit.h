// ViT encoder and decoder of the tokenizers: no class token, no final norm, an optional tanh MLP at the end, position
// tables that are resized to the image. The original: fourm/vq/models/vit_models.py.
#pragma once

#include <vector>

#include "fourm/nn/layers.h"
#include "fourm/tokenizer/config.h"
#include "fourm/tokenizer/feature_map.h"

namespace fourm {

/// The common part of encoder and decoder: position table, blocks and tanh MLP.
struct VitTrunk {
  VitTrunk(const Scope& scope, const TokenizerPreset& preset, int64_t grid, bool post_mlp);
  /// Rows [B*h*w, D] -> the same shape. Resizes the position table (bicubic) to h x w.
  Tensor operator()(const Tensor& rows, const TokenGrid& grid) const;

  int64_t width;
  Tensor pos_emb;  ///< [1, D, h0, w0], fixed, but stored
  std::vector<EncoderBlock> blocks;
  bool has_post_mlp;
  LayerNorm norm_mlp;
  Mlp post_mlp;
};

/// [B, C, H, W] -> rows. A patch (or, without patch projection, each position) becomes a token. H and W must be
/// multiples of the patch.
class VitEncoder : public TokenEncoder {
 public:
  VitEncoder(const Scope& scope, const TokenizerConfig& config);
  int64_t width() const override { return trunk_.width; }
  FeatureMap operator()(const Tensor& x) const override;

 private:
  int64_t patch_;
  VitTrunk trunk_;
  Linear proj_;
};

/// Depthwise 7x7, norm, MLP, scaled residual (ConvNeXt) on images [B, C, H, W].
struct ConvNextBlock {
  Tensor dw_weight, dw_bias, gamma;
  LayerNorm norm;
  Linear pwconv1, pwconv2;
  ConvNextBlock(const Scope& scope, int64_t channels);
  Tensor operator()(const Tensor& x) const;
};

/// Rows -> [B, C, h * patch, w * patch].
class VitDecoder : public TokenDecoder {
 public:
  VitDecoder(const Scope& scope, const TokenizerConfig& config);
  int64_t width() const override { return trunk_.width; }
  Tensor operator()(const FeatureMap& features, const DecodeOptions&) const override;

 private:
  int64_t patch_, channels_;
  VitTrunk trunk_;
  Linear out_proj_;
  std::vector<ConvNextBlock> out_conv_;
};

}  // namespace fourm
