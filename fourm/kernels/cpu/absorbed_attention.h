// Cross-attention with absorbed key and value projections: W_k^T is applied to the queries and W_v to the weighted sums of
// context rows, so that keys and values of the context are never computed. The result is that of CrossAttention with keys
// W_k c and values W_v c. For M queries, H heads and N context rows of width D, each of the two projections costs
// M (N H + D) D multiply-adds instead of N D^2, which is less where few queries attend to a long context. A step of ROAR
// decodes a few tokens and would otherwise spend a seventh of its multiply-adds on keys and values.
#pragma once

#include <optional>
#include <vector>

#include "fourm/core/lazy.h"
#include "fourm/kernels/cpu/packed_linear.h"
#include "fourm/kernels/cpu/panel_matrix.h"
#include "fourm/kernels/kernels.h"

namespace fourm {

/// The context rows that all layers of a decoder attend to, normalised without a layer's weight and bias, and packed once.
class NormalizedContext : public PreparedContext {
 public:
  /// rows [N, D]. The layout says which rows each query attends to; it must not hide rows of a segment.
  NormalizedContext(const Tensor& rows, double epsilon, AttentionLayout layout);

 private:
  friend class AbsorbedAttention;
  struct Part {
    PanelMatrix as_keys, as_values;  // [D, n], [n, D]
  };
  AttentionLayout layout_;
  std::vector<std::optional<Part>> parts_;  // by segment; empty where it has no queries or no rows
};

class AbsorbedAttention : public ContextAttention {
 public:
  /// kv [2D, D]: key and value projections, head after head. norm_weight, norm_bias [D]: weight and bias of the context's
  /// layer norm, which are merged into the projections. The matrices are packed at first use.
  AbsorbedAttention(Tensor kv, Tensor norm_weight, Tensor norm_bias, int64_t heads, Packing packing);
  /// Whether every sample has so few queries that absorbed projections need about half of the multiply-adds or less. Each
  /// sample is considered alone, so that its result does not depend on the batch.
  bool is_cheaper(const AttentionLayout& layout) const override;
  /// The context is a NormalizedContext.
  Tensor operator()(const Tensor& q, const PreparedContext& context) const override;

 private:
  struct Heads {
    PanelMatrix key, value;  // of each head: [hd] -> [D], [D] -> [hd]
    Tensor bias;             // [D], the value projection of norm_bias
  };
  const Heads& heads() const;
  Tensor kv_, norm_weight_, norm_bias_;
  int64_t head_count_, head_width_;
  Packing packing_;
  Lazy<Heads> heads_;
};

}  // namespace fourm
