// Attention of few queries to a context whose keys and values are never made: a query q of a head asks W_k^T q of the
// context's rows themselves, and W_v is applied to what was seen. The same function as CrossAttention's with keys W_k c and
// values W_v c, in another order of products: of M queries and H heads to N rows, M (N H + D) D multiply-adds for each of
// the two instead of N D^2. Steps of ROAR, which draw some tokens of a picture each, spend a seventh of their products on keys
// and values otherwise.
#pragma once

#include <memory>
#include <vector>

#include "fourm/nn/attention.h"
#include "fourm/nn/packed_linear.h"

namespace fourm {

class ContextAttention {
 public:
  /// kv [2D, D]: keys' and values' matrices, heads behind each other. They are packed when they are first used.
  ContextAttention(const Tensor& kv, int64_t heads, const Packing& packing);
  /// True where the layout has so few queries for each part of the context that this takes about half of the products or less. It
  /// looks at each sample alone, so that samples stay the same in any company.
  bool pays(const AttentionLayout& layout) const;
  /// q [M, H, hd], context [N, D] -> [M, D]; a query that sees no row gives 0. The layout must not hide rows of a segment.
  Tensor operator()(const Tensor& q, const Tensor& context, const AttentionLayout& layout) const;

 private:
  struct Head {
    PackedLinear ask, value;  // [hd] -> [D], [D] -> [hd]
  };
  int64_t head_width_;
  std::vector<std::unique_ptr<const Head>> heads_;
};

}  // namespace fourm
