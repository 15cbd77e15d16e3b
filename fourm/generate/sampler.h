// Sampling one token from a row of logits (paper appendix A.3; the original's fourm/models/generate.py).
#pragma once

#include <cstdint>
#include <vector>

#include "fourm/core/rng.h"
#include "fourm/core/tensor.h"
#include "fourm/generate/plan.h"

namespace fourm {

struct Drawn {
  int64_t token;
  double confidence;  ///< its probability after filters and temperature; 1 at temperature 0
};

/// logits [V]; V > 0; temperature 0 or more. Filters are applied before the temperature; ties at the top-k threshold all stay. Without
/// `random` the most likely token is returned, with its probability as confidence.
Drawn draw_token(const float* logits, int64_t vocabulary, double temperature, const Filter& filter, Random* random);

/// A token for each row of logits [n, V], on their device: `random` has a stream for each row, or none for greedy choice.
std::vector<Drawn> draw_tokens(const Tensor& logits, double temperature, const Filter& filter,
                               std::vector<Random> random);
/// The same by tensor operations (generate/device_sampler.cpp); `seeds` [n] are the first bits64() of the streams. The tokens are
/// the same unless logits differ by rounding.
std::vector<Drawn> draw_on_device(const Tensor& logits, double temperature, const Filter& filter,
                                  const std::vector<uint64_t>& seeds);

/// Whether sampling at the temperature is greedy.
bool is_greedy(double temperature);
/// The number of tokens that top_k or top_k_share keep. Error when both are given, and when none is kept.
int64_t kept_by_rank(const Filter& filter, int64_t vocabulary);

/// The ids that the filters keep, ascending; for tests and inspection.
std::vector<int64_t> kept_tokens(const float* logits, int64_t vocabulary, const Filter& filter);

}  // namespace fourm
