// Attention of few queries to a context whose keys and values are never made: a query q of a head asks W_k^T q of the
// context's rows themselves, and W_v is applied to what was seen. The same function as CrossAttention's with keys W_k c and
// values W_v c, in another order of products: of M queries and H heads to N rows, M (N H + D) D multiply-adds for each of
// the two instead of N D^2. Steps of ROAR, which draw some tokens of a picture each, spend a seventh of their products on keys
// and values otherwise.
#pragma once

#include <optional>
#include <vector>

#include "fourm/core/lazy.h"
#include "fourm/nn/attention.h"
#include "fourm/nn/packed_linear.h"
#include "fourm/nn/panel_matrix.h"

namespace fourm {

/// The rows that all layers of a decoder ask, normalised but for each layer's own weight and bias: they are packed once.
class SharedContext {
 public:
  /// rows [N, D]; the layout, which must not hide rows of a segment, says which of them each query asks.
  SharedContext(const Tensor& rows, double epsilon, AttentionLayout layout);

 private:
  friend class ContextAttention;
  struct Part {
    PanelMatrix to_ask, to_see;  // [D, n], [n, D]
  };
  AttentionLayout layout_;
  std::vector<std::optional<Part>> parts_;  // by segment; none without rows
};

class ContextAttention {
 public:
  /// kv [2D, D]: keys' and values' matrices, heads behind each other; norm_weight, norm_bias [D]: the layer's own part of the
  /// context's norm, which becomes part of the matrices. They are packed when they are first used.
  ContextAttention(Tensor kv, Tensor norm_weight, Tensor norm_bias, int64_t heads, Packing packing);
  /// True where the layout has so few queries for each part of the context that this takes about half of the products or less. It
  /// looks at each sample alone, so that samples stay the same in any company.
  bool pays(const AttentionLayout& layout) const;
  /// q [M, H, hd], in the context's layout -> [M, D]; a query that sees no row gives 0.
  Tensor operator()(const Tensor& q, const SharedContext& context) const;

 private:
  struct Heads {
    PanelMatrix ask, value;  // of each head [hd] -> [D], [D] -> [hd]
    Tensor bias;             // [D], what values have of the norm's bias
  };
  const Heads& heads() const;
  Tensor kv_, norm_weight_, norm_bias_;
  int64_t head_count_, head_width_;
  Packing packing_;
  Lazy<Heads> heads_;
};

}  // namespace fourm
