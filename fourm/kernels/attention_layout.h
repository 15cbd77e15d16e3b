// Packed, padding-free batches (docs/design.md). All tokens of all samples are in one list [N, D]. A layout says to which key
// rows each query row attends. In 4M a row always attends to consecutive keys, so one table covers encoder and
// cross-attention (by sample), decoder self-attention (by sample and modality, causal in sequences) and prefix masks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace fourm {

struct AttentionPlan;

struct AttentionLayout {
  /// Query rows [q_begin, q_end) attend to key rows [k_begin, k_end). Each query row is in exactly one segment. Where
  /// gradients are required, no key row is in two segments.
  struct Segment {
    int64_t q_begin, q_end, k_begin, k_end;
  };
  std::vector<Segment> segments;
  /// [M] per query row: the number of keys of its segment, from k_begin on, to which it attends. Empty: all of them.
  std::vector<int32_t> visible;
  /// The layout in the form of LibTorch's variable-length kernels, made once for all layers (kernels/aten/attention.h).
  /// Attention writes it, so that a layout without a plan must not be shared between threads.
  mutable std::shared_ptr<const AttentionPlan> plan;

  /// Self-attention within samples of `lengths` rows.
  static AttentionLayout within(const std::vector<int64_t>& lengths);
  /// Cross-attention: the queries of sample i attend to the keys of sample i.
  static AttentionLayout across(const std::vector<int64_t>& query_lengths, const std::vector<int64_t>& key_lengths);
  /// The segments within query rows [q_begin, q_end) as a layout of these rows and of the key rows from k_begin on. No other
  /// segment has any of these rows.
  AttentionLayout part(int64_t q_begin, int64_t q_end, int64_t k_begin) const;
};

/// Floating-point operations of the two matrix multiplications of attention over `width` numbers a row (H hd). A row that
/// attends to some keys only is counted with all.
double attention_operations(const AttentionLayout& layout, int64_t width);

}  // namespace fourm
