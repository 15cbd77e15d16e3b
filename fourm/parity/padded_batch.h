// The padded batches of the original (fourm/models/fm.py, forward_mask_encoder and forward_mask_decoder): every modality
// has all its slots with masks, visible ones are moved to the front, and the first `budget` of each sample are kept. They
// are converted to packed batches, with the labels and masks that the original computes, for comparison (`fourm replay`).
#pragma once

#include "fourm/model/fourm.h"

namespace fourm {

/// Masks: true = hidden. Order in the list = order in the batch.
struct PaddedModality {
  std::string name;
  Tensor tensor;                   ///< ids [B, ...], pixels [B, 3, S, S] or vectors [B, L, width]
  Tensor input_mask, target_mask;  ///< [B, L] bool
  Tensor decoder_attention_mask;   ///< [B, L] compressed form; only needed for labels and masks
};
using PaddedSample = std::vector<PaddedModality>;

/// One side of a padded batch after selection. `rows[b][i]` is slot i of sample b.
struct PaddedSide {
  Tensor mask;    ///< [B, 1, n] bool, true = padding
  Tensor labels;  ///< [B, n] int16 modality ids, -1 = padding or register
};

struct PaddedBatch {
  Batch packed;
  PaddedSide encoder, decoder;
  Tensor target_ids;              ///< [B, M] int64
  Tensor decoder_attention_mask;  ///< [B, M, M] bool, true = hidden
};

PaddedBatch select_visible(const FourM& model, const PaddedSample& sample, int64_t encoder_budget,
                           int64_t decoder_budget);

/// Packed rows [N, D] -> [B, n, D], zeros at padding.
Tensor to_padded(const Tensor& rows, const std::vector<int64_t>& lengths, int64_t n);

/// The numbers of a tensor of any integer or bool type, row-major.
std::vector<int64_t> integers(const Tensor& values);

/// Pixels [B, C, S, S] -> patches [B, L, p p C], patches row-major, numbers in the order row, column, channel.
Tensor to_patches(const Tensor& pixels, int64_t patch);

}  // namespace fourm
