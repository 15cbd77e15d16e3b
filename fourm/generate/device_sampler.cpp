// The draws of generate/sampler.cpp as tensor operations, so that logits need not be copied to the host. The random
// numbers are the same; exponentials and sums may differ in their last bits.
#include <algorithm>
#include <cmath>
#include <limits>

#include "fourm/generate/sampler.h"
#include "fourm/kernels/upload.h"

namespace fourm {
namespace {

// x >> bits for the unsigned number whose bits an int64 has.
Tensor shifted_right(const Tensor& x, int64_t bits) {
  return at::bitwise_and(at::bitwise_right_shift(x, at::Scalar(bits)), at::Scalar((int64_t{1} << (64 - bits)) - 1));
}

// mix() of core/rng.h for each element. Products of int64 wrap as those of uint64 do.
Tensor mixed(Tensor x) {
  x = x + static_cast<int64_t>(0x9E3779B97F4A7C15);
  x = at::bitwise_xor(x, shifted_right(x, 30)) * static_cast<int64_t>(0xBF58476D1CE4E5B9);
  x = at::bitwise_xor(x, shifted_right(x, 27)) * static_cast<int64_t>(0x94D049BB133111EB);
  return at::bitwise_xor(x, shifted_right(x, 31));
}

// The logits with -infinity where the filters drop a token. logits [n, V].
Tensor filtered(const Tensor& logits, const Filter& filter) {
  constexpr double kDropped = -std::numeric_limits<double>::infinity();
  Tensor kept = logits;
  if (const int64_t k = kept_by_rank(filter, logits.size(1)); k < logits.size(1)) {
    const Tensor least = std::get<0>(logits.topk(k, 1)).select(1, k - 1).unsqueeze(1);
    kept = logits.masked_fill(logits < least, kDropped);
  }
  if (filter.top_p <= 0) return kept;
  const auto [sorted, order] = kept.sort(/*stable=*/true, 1, /*descending=*/true);
  const Tensor probability = at::softmax(sorted.to(at::kDouble), 1);
  const Tensor before = probability.cumsum(1) - probability;  // of everything better; 0 for the first
  const Tensor drops = at::zeros_like(before, at::kBool).scatter_(1, order, before > filter.top_p);
  return kept.masked_fill(drops, kDropped);
}

}  // namespace

std::vector<Drawn> draw_on_device(const Tensor& logits, double temperature, const Filter& filter,
                                  const std::vector<uint64_t>& seeds) {
  const int64_t n = logits.size(0), vocabulary = logits.size(1);
  const auto [best, best_token] = logits.max(1, /*keepdim=*/true);
  Tensor token = best_token, confidence = at::ones({n, 1}, logits.options().dtype(at::kDouble));
  if (!is_greedy(temperature)) {
    const Tensor weights = ((filtered(logits, filter) - best) * (1 / temperature)).exp();
    if (!seeds.empty()) {
      Tensor seed = at::empty({n, 1}, at::kLong);
      std::copy(seeds.begin(), seeds.end(), reinterpret_cast<uint64_t*>(seed.data_ptr<int64_t>()));
      upload({&seed}, logits.device());
      const Tensor bits = mixed(seed + at::arange(vocabulary, seed.options()));
      const Tensor uniform = shifted_right(bits, 11).to(at::kDouble) * 0x1p-53;
      // A token of weight 0 is never drawn. Its time would be infinite, or NaN where the uniform number is 0.
      const Tensor time = -at::log1p(-uniform) / weights;
      token = time.masked_fill(weights <= 0, std::numeric_limits<double>::infinity()).argmin(1, /*keepdim=*/true);
    }
    confidence = weights.gather(1, token).to(at::kDouble) / weights.sum(1, /*keepdim=*/true, at::kDouble);
  }
  // Tokens are exact in float64.
  const Tensor drawn = at::cat({token.to(at::kDouble), confidence}, 1).to(at::kCPU);
  std::vector<Drawn> rows(static_cast<size_t>(n));
  const double* values = drawn.const_data_ptr<double>();
  for (auto& row : rows) row = {static_cast<int64_t>(values[0]), values[1]}, values += 2;
  return rows;
}

}  // namespace fourm
