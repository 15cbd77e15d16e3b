// Features of a batch of pictures as packed rows, one a token: what passes between encoder, quantiser and decoder.
#pragma once

#include "fourm/core/tensor.h"

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

/// Features -> [B, C, H, W].
class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  virtual int64_t width() const = 0;
  virtual Tensor operator()(const FeatureMap& features) const = 0;
};

}  // namespace fourm
