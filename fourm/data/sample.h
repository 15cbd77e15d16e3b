// One aligned sample as tokens, and its masked inputs and targets.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fourm/modality/modality.h"

namespace fourm {

/// One modality of a sample: ids for tokens and sequences, numbers for pixels (patches) and embeddings.
struct ModalityData {
  std::vector<int64_t> ids;     ///< [L]
  std::vector<float> values;    ///< [L, width]: patches in the order (row, column, channel), or embedding vectors
  int64_t width = 0;            ///< numbers per row of `values`
  std::vector<int64_t> chunks;  ///< lengths of the runs of `ids` that masking keeps or hides whole; empty: single ids
  int64_t length() const {
    return width ? static_cast<int64_t>(values.size()) / width : static_cast<int64_t>(ids.size());
  }
};

/// Modality name -> data. A modality that the sample lacks is absent.
using TokenSample = std::map<std::string, ModalityData>;

/// The tokens of one modality of a sample that the encoder reads or the decoder predicts.
struct TokenRun {
  std::string modality;
  std::vector<int64_t> ids;   ///< inputs: the visible ids. Targets of grids: the ids to predict. Targets of
                              ///< sequences: the target text, of which ids[i + 1] is predicted after ids[i]
  std::vector<float> values;  ///< pixels and embeddings (inputs only): [n, width]
  int64_t width = 0;
  std::vector<int64_t> positions;  ///< inputs and grid targets: [n] slot on the grid, or running index in a sequence
};

/// The result of masking: disjoint inputs and targets (paper section 2.3).
struct MaskedSample {
  std::vector<TokenRun> inputs, targets;
};

}  // namespace fourm
