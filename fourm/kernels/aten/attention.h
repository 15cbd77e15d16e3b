// Attention of packed batches by LibTorch's operators, on any device: variable-length kernels (FlashAttention, Dao 2023;
// memory-efficient attention, Rabe and Staats 2021) where there are some, else a multiplication for each segment.
#pragma once

#include <vector>

#include "fourm/core/tensor.h"
#include "fourm/kernels/attention_layout.h"

namespace fourm {

/// One call of a variable-length kernel: the queries of sequence i attend to the keys of sequence i. When causal, the last query
/// attends to all of them, and each query before it to one less.
struct AttentionCall {
  bool causal = false;
  std::vector<int32_t> cu_seqlens_q{0}, cu_seqlens_k{0};  ///< cumulative sequence lengths
  std::vector<int64_t> q_rows, k_rows;                    ///< of all sequences
  int64_t max_seqlen_q = 0, max_seqlen_k = 0;
};

/// The layout as at most two calls. Consecutive rows that attend to equally many keys are a sequence without a mask; rows of which
/// each attends to one more key than the row before are a causal sequence.
std::vector<AttentionCall> attention_calls(const AttentionLayout& layout);

/// Makes the plan of a layout with `queries` query rows and `keys` key rows, on the CPU, and adds its tensors to
/// `uploads`: they have to be on the device before attention is computed with it. Without a plan aten_attention() makes
/// one.
void plan_attention(AttentionLayout& layout, int64_t queries, int64_t keys, std::vector<Tensor*>& uploads);

/// softmax(q k^T / sqrt(hd)) v per head, computed in `type`. q [M, H, hd], k and v [N, H, hd] -> [M, H, hd].
/// A query without keys gives 0. Differentiable.
Tensor aten_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout,
                      at::ScalarType type);

/// The same by plain matrix multiplications with masks, segment by segment.
Tensor dense_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout);

}  // namespace fourm
