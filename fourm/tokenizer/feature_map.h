// Features of a batch of images as packed rows, one per token, and the interfaces of encoders and decoders.
#pragma once

#include "fourm/tokenizer/decode_options.h"
#include "fourm/tokenizer/draws.h"

namespace fourm {

struct TokenGrid {
  int64_t batch, h, w;
  int64_t rows() const { return batch * h * w; }
};

struct FeatureMap {
  Tensor rows;  ///< [B*h*w, D], row-major tokens
  TokenGrid grid;
  /// [B, D, h, w]
  Tensor image() const { return rows.view({grid.batch, grid.h, grid.w, -1}).permute({0, 3, 1, 2}); }
  static FeatureMap of(const Tensor& image) {
    return {image.permute({0, 2, 3, 1}).reshape({-1, image.size(1)}), {image.size(0), image.size(2), image.size(3)}};
  }
};

/// [B, C, H, W] -> features.
class TokenEncoder {
 public:
  virtual ~TokenEncoder() = default;
  virtual int64_t width() const = 0;
  virtual FeatureMap operator()(const Tensor& x) const = 0;
};

/// The output of a decoder in training, and its target.
struct Reconstruction {
  Tensor output, target;
};

/// Features -> [B, C, H, W].
class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  virtual int64_t width() const = 0;
  /// `options` are for diffusion decoders.
  virtual Tensor operator()(const FeatureMap& features, const DecodeOptions& options) const = 0;
  /// `x` is the input of the tokenizer. It is the target, except for diffusion decoders.
  virtual Reconstruction train(const FeatureMap& features, const Tensor& x, TrainingDraws&) const {
    return {(*this)(features, {}), x};
  }
};

}  // namespace fourm
