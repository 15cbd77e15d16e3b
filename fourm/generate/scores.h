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
  /// The rows read `tokens`, equally many each and row by row, from `position` on; what they had read there before is
  /// forgotten. Gives the scores of what follows each token [n, V].
  virtual Tensor read(const std::vector<int64_t>& rows, int64_t position, const std::vector<int64_t>& tokens) = 0;
  /// The same by the model's draft, nearly right; undefined where it has none.
  virtual Tensor draft(const std::vector<int64_t>&, int64_t, const std::vector<int64_t>&) { return {}; }
};
std::unique_ptr<SequenceScores> sequence_scores(const FourM& model, const std::string& target, const Views& views,
                                                int64_t most_tokens);
std::unique_ptr<SequenceScores> sequence_scores_plainly(const FourM& model, const std::string& target,
                                                        const Views& views);

}  // namespace fourm
