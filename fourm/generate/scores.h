// The scores that a step draws from: by packed batches and caches, and once more plainly, pass by pass and canvas by canvas
// with nothing kept, as the reference that tests and `fourm bench` hold the fast way against.
#pragma once

#include <memory>

#include "fourm/generate/passes.h"

namespace fourm {

/// The canvases of a step under its passes.
struct Views {
  const std::vector<const Canvas*>& canvases;
  const std::vector<Pass>& passes;
  const SequenceIds& ids;
};

/// Slots of a grid, `slots[i]` of canvas i under every pass -> [P * n, V], pass by pass.
Tensor grid_scores(const FourM& model, const std::string& target, const Views& views,
                   const std::vector<std::vector<int64_t>>& slots);
Tensor grid_scores_plainly(const FourM& model, const std::string& target, const Views& views,
                           const std::vector<std::vector<int64_t>>& slots);

/// Left to right. Rows are numbered pass * canvases + canvas.
class SequenceScores {
 public:
  virtual ~SequenceScores() = default;
  /// tokens[i] is read by rows[i] as its next one; gives the scores of the one after it [n, V]. A row that was left out
  /// once does not come back.
  virtual Tensor next(const std::vector<int64_t>& rows, const std::vector<int64_t>& tokens) = 0;
};
std::unique_ptr<SequenceScores> sequence_scores(const FourM& model, const std::string& target, const Views& views,
                                                int64_t most_tokens);
std::unique_ptr<SequenceScores> sequence_scores_plainly(const FourM& model, const std::string& target,
                                                        const Views& views);

}  // namespace fourm
