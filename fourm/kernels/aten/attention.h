// Attention of packed batches by LibTorch's operators, on any device: variable-length kernels (FlashAttention, Dao 2023;
// memory-efficient attention, Rabe and Staats 2021) where there are some, else a multiplication for each segment.
#pragma once

#include <vector>

#include "fourm/core/tensor.h"
#include "fourm/kernels/attention_layout.h"

namespace fourm {

/// One call of a variable-length kernel: query run i sees key run i, all of it, or, when causal, the last row of a run
/// sees all keys and each row before it one less.
struct AttentionCall {
  bool causal = false;
  std::vector<int32_t> q_ends{0}, k_ends{0};  ///< running totals of the lengths of the runs
  std::vector<int64_t> q_rows, k_rows;        ///< of all runs
  int64_t longest_q = 0, longest_k = 0;
};

/// The layout as at most two calls. Rows of which each sees as many keys as the one before it are a run that sees all of
/// them; rows of which each sees one more are a causal run.
std::vector<AttentionCall> attention_calls(const AttentionLayout& layout);

/// Makes the plan of a layout with `queries` query rows and `keys` key rows, on the CPU, and adds its tensors to
/// `uploads`: they have to be on the device before attention is computed with it. Without a plan aten_attention() makes
/// one.
void plan_attention(AttentionLayout& layout, int64_t queries, int64_t keys, std::vector<Tensor*>& uploads);

/// softmax(q k^T / sqrt(hd)) v per head, computed in `type`. q [N, H, hd], k and v [M, H, hd] -> [N, H, hd].
/// A query that sees no key gives 0. Differentiable.
Tensor aten_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout,
                      at::ScalarType type);

/// The same by plain matrix multiplications with masks, segment by segment.
Tensor dense_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout);

}  // namespace fourm
