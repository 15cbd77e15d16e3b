#include "fourm/data/budget.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fourm/core/error.h"

namespace fourm {

BudgetShares::BudgetShares(const std::vector<double>& alphas, Random& random) {
  for (const double alpha : alphas)
    log_shares_.push_back(alpha > 0 ? random.log_gamma_draw(alpha) : -std::numeric_limits<double>::infinity());
}

std::vector<int64_t> BudgetShares::split(int64_t tokens, std::vector<int64_t> room, Random& random,
                                         bool redistribute) const {
  check(room.size() == log_shares_.size(), "[BudgetShares] ", room.size(), " rooms for ", log_shares_.size(),
        " shares");
  std::vector<int64_t> parts(room.size(), 0);
  while (tokens > 0) {
    double largest = -std::numeric_limits<double>::infinity(), total = 0;
    for (size_t i = 0; i < room.size(); ++i)
      if (room[i] > 0 || !redistribute) largest = std::max(largest, log_shares_[i]);
    if (!std::isfinite(largest)) break;
    std::vector<double> shares(room.size(), 0);
    size_t last = 0;  // of those with a share: it takes what rounding errors leave
    for (size_t i = 0; i < room.size(); ++i) {
      if (room[i] <= 0 && redistribute) continue;
      shares[i] = std::exp(log_shares_[i] - largest);
      total += shares[i];
      if (shares[i] > 0) last = i;
    }
    // Systematic rounding: cut the line [0, tokens) at the cumulative shares and count the points u, u + 1, ... in
    // each.
    const double shift = random.uniform();
    double end = 0;
    int64_t counted = 0, lost = 0;
    for (size_t i = 0; i <= last; ++i) {
      end += shares[i] / total * static_cast<double>(tokens);
      int64_t until = i == last ? tokens : std::clamp<int64_t>(std::llround(std::ceil(end - shift)), counted, tokens);
      if (shares[i] == 0) until = counted;
      const int64_t part = std::min(until - counted, room[i]);
      lost += until - counted - part;
      parts[i] += part;
      room[i] -= part;
      counted = until;
    }
    tokens = redistribute ? lost : 0;
  }
  return parts;
}

}  // namespace fourm
