// What turns the tokens of an encoder, [B, h, w, D] for B images, into predictions.
#pragma once

#include "fourm/model/encoder.h"
#include "fourm/nn/layers.h"
#include "fourm/tokenizer/vit.h"
#include "fourm/transfer/config.h"

namespace fourm {

/// Class logits [B, K = class_count] of the mean over tokens (paper section 3).
struct LinearHead {
  Linear classes;
  LinearHead() = default;
  LinearHead(const Scope& scope, int64_t width, int64_t class_count);
  Tensor operator()(const Tensor& tokens) const;
};

/// Class logits [B, K = class_count] after attention pooling with one learned query (attentive probing, Chen et al. 2022,
/// "Context autoencoder").
struct AttentiveHead {
  Tensor query;  // [1, D]
  LayerNorm norm;
  Linear kv, classes;
  int64_t heads = 1;
  AttentiveHead() = default;
  AttentiveHead(const Scope& scope, int64_t width, int64_t attention_heads, int64_t class_count);
  Tensor operator()(const Tensor& tokens) const;
};

/// Votes of the nearest of stored features (Wu et al. 2018): logits [B, K = class_count] are logarithms of the fractions of
/// the votes.
struct NeighbourHead {
  Tensor features, labels;  // [N, D] of unit length, [N]; buffers
  int64_t neighbours = 20, num_classes = 0;
  double temperature = 0.07;
  NeighbourHead() = default;
  NeighbourHead(const Scope& scope, int64_t width, int64_t stored, int64_t class_count, const HeadConfig& config);
  Tensor operator()(const Tensor& tokens) const;
  /// The features that are compared: means over tokens, of unit length [B, D].
  static Tensor features_of(const Tensor& tokens);
};

/// Maps [B, K = class_count, S, S]: each token becomes u x u positions of `width` channels, blocks follow, then a linear map to K and
/// bilinear enlargement (MultiMAE's ConvNeXtAdapter; paper D.4, D.5).
struct ConvNextHead {
  Linear unfold, out;
  std::vector<ConvNextBlock> blocks;
  int64_t upsampling = 4, width = 0;
  ConvNextHead() = default;
  ConvNextHead(const Scope& scope, int64_t token_width, int64_t class_count, const HeadConfig& config);
  Tensor operator()(const Tensor& tokens, int64_t size) const;
};

}  // namespace fourm
