// Attention on packed, padding-free batches (docs/design.md). All tokens of all samples stand in one list [N, D]; a
// layout says which key rows each query row sees. Within 4M a row always sees a run of consecutive keys, so one table
// covers encoder and cross-attention (by sample), decoder self-attention (by sample and modality, causal in sequences)
// and prefix visibility.
#pragma once

#include <cstdint>
#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

struct AttentionLayout {
  /// Query rows [q_begin, q_end) attend to key rows [k_begin, k_end). Each query row is in exactly one segment. Where
  /// gradients are required, no key row is in two segments.
  struct Segment {
    int64_t q_begin, q_end, k_begin, k_end;
  };
  std::vector<Segment> segments;
  /// Per query row: how many keys of its segment, from k_begin, it sees. Empty: all of them.
  std::vector<int32_t> visible;

  /// Every sample sees itself: rows in runs of `lengths`.
  static AttentionLayout within(const std::vector<int64_t>& lengths);
  /// Sample i's queries see sample i's keys.
  static AttentionLayout across(const std::vector<int64_t>& query_lengths, const std::vector<int64_t>& key_lengths);
};

/// softmax(q k^T / sqrt(hd)) v per head. q [N, H, hd], k and v [M, H, hd] (any row stride) -> [N, H, hd].
/// A query that sees no key gives 0. Differentiable.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout);

/// The same with dense masks and plain tensor operations: the reference for tests of the kernel.
Tensor attention_reference(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout);

}  // namespace fourm
