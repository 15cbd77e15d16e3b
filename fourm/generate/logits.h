// The logits that a step samples from, computed with packed batches and caches. The reference computes each pass
// and canvas alone and without caches; tests and `fourm bench` compare the two.
#pragma once

#include <memory>

#include "fourm/generate/passes.h"

namespace fourm {

/// The canvases of a step and its passes.
struct Views {
  const std::vector<const Canvas*>& canvases;
  const std::vector<Pass>& passes;
  const SequenceIds& ids;
};

/// Positions of a grid, `slots[i]` of canvas i under every pass -> float32 [P * n, V], pass by pass; P passes, n positions of all
/// canvases.
Tensor grid_logits(const FourM& model, const std::string& target, const Views& views,
                   const std::vector<std::vector<int64_t>>& slots);
Tensor reference_grid_logits(const FourM& model, const std::string& target, const Views& views,
                             const std::vector<std::vector<int64_t>>& slots);

/// Logits of a sequence, left to right. Rows are numbered pass * canvases + canvas.
class SequenceLogits {
 public:
  virtual ~SequenceLogits() = default;
  /// Appends `tokens` to the rows, equally many each and row by row, at `position`; what the rows held from there on is
  /// replaced. Returns the logits of the next token after each of them [n, V], computed by the model itself or by its
  /// draft model on the same caches.
  virtual Tensor read(const FourM& model, const std::vector<int64_t>& rows, int64_t position,
                      const std::vector<int64_t>& tokens) = 0;
};
/// `max_tokens`: the longest row that will be read; caches have this length.
std::unique_ptr<SequenceLogits> sequence_logits(const FourM& model, const std::string& target, const Views& views,
                                                int64_t max_tokens);
std::unique_ptr<SequenceLogits> reference_sequence_logits(const std::string& target, const Views& views);

}  // namespace fourm
