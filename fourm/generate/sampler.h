// Sampling one token from a row of scores (paper appendix A.3; the original's fourm/models/generate.py).
#pragma once

#include <cstdint>
#include <vector>

#include "fourm/core/rng.h"
#include "fourm/generate/plan.h"

namespace fourm {

struct Drawn {
  int64_t token;
  double confidence;  ///< its probability after filters and temperature; 1 at temperature 0
};

/// scores [V]; V > 0. Filters are applied before the temperature; ties at the top-k threshold all stay. Without
/// `random` the most likely token is returned, with its probability as confidence.
Drawn draw_token(const float* scores, int64_t vocabulary, double temperature, const Filter& filter, Random* random);

/// The ids that the filters keep, ascending; for tests and inspection.
std::vector<int64_t> kept_tokens(const float* scores, int64_t vocabulary, const Filter& filter);

}  // namespace fourm
