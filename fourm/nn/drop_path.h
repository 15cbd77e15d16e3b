// Stochastic depth in training (Huang et al. 2016, "Deep networks with stochastic depth"; drop_path in the original): each
// residual branch of each sample is left out at random, and otherwise scaled so that its mean stays.
#pragma once

#include <cstdint>
#include <vector>

#include "fourm/nn/layers.h"

namespace fourm {

struct DropPath {
  double rate = 0;  ///< of the last block, less than 1; that of the first is 0, and it rises evenly between them
  uint64_t seed = 0;
  std::vector<uint64_t> samples;  ///< [B] the number of each sample in the run: its draws go by it
};

enum class DropPathStack : uint64_t { kEncoder, kDecoder };

/// The factors of the branches of a stack of blocks, by sample: 0 with the probability of the block, else 1 / (1 -
/// probability). [blocks, branches, N, 1] float32 on the CPU for N rows, `lengths` [B] of each sample.
Tensor drop_path_factors(const DropPath& drop, DropPathStack stack, int64_t blocks, int64_t branches,
                         const std::vector<int64_t>& lengths);

/// The block with its branches multiplied by factors: [2, N, 1] for attention and MLP.
Tensor with_drop_path(const EncoderBlock& block, const Tensor& x, const AttentionLayout& layout, const Tensor& factors);
/// [3, M, 1] for self-attention, cross-attention and MLP.
Tensor with_drop_path(const DecoderBlock& block, const Tensor& y, const CrossAttention::Keys& context,
                      const AttentionLayout& within, const AttentionLayout& across, const Tensor& factors);

}  // namespace fourm
