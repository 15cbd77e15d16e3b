// How many tokens of each modality are used: a Dirichlet draw over modalities, times the budget (paper section 2.3,
// appendix E.4; the original's fourm/data/masking.py).
#pragma once

#include <cstdint>
#include <vector>

#include "fourm/core/rng.h"

namespace fourm {

/// One draw of shares from Dir(alphas). A modality with alpha 0 has no share. Shares are kept as logarithms, since with
/// small alphas most of them are too small for a number.
class BudgetShares {
 public:
  BudgetShares(const std::vector<double>& alphas, Random& random);

  /// Splits `tokens` by the shares; a modality gets at most its `room`. Rounding is unbiased: before `room` cuts in,
  /// the expected part of a modality is exactly its share. With `redistribute`, what does not fit goes to modalities
  /// with room left, by their shares, so that the whole budget is used if there is room at all; otherwise it is lost,
  /// as in the original.
  std::vector<int64_t> split(int64_t tokens, std::vector<int64_t> room, Random& random, bool redistribute = true) const;

 private:
  std::vector<double> log_shares_;  // up to a common term; -infinity: none
};

}  // namespace fourm
