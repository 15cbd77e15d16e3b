#include "fourm/generate/sampler.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "fourm/core/error.h"
#include "fourm/kernels/cpu/vector.h"

namespace fourm {

bool is_greedy(double temperature) { return std::abs(temperature) <= 1e-10; }

int64_t kept_by_rank(const Filter& filter, int64_t vocabulary) {
  check(filter.top_k == 0 || filter.top_k_share == 0, "[sample] give one of top_k ", filter.top_k, " and top_k_share ",
        filter.top_k_share);
  if (filter.top_k_share > 0) {
    const auto k = std::min(static_cast<int64_t>(filter.top_k_share * static_cast<double>(vocabulary)), vocabulary);
    check(k > 0, "top_k_share ", filter.top_k_share, " keeps none of ", vocabulary, " tokens");
    return k;
  }
  return filter.top_k > 0 ? std::min(filter.top_k, vocabulary) : vocabulary;
}

namespace {

// The filters keep whatever is not worse than this token.
struct Cutoff {
  float logit = -std::numeric_limits<float>::infinity();
  int64_t id = std::numeric_limits<int64_t>::max();
  bool keeps(float value, int64_t i) const { return value > logit || (value == logit && i <= id); }
};

// An exponential race (equivalent to the Gumbel-max trick): token i arrives after a time of mean 1 / weights[i], and the first one is drawn with
// probability weights[i] / total. Its time depends on its own weight alone: nearly the same logits draw the same token nearly
// always, unlike a draw from the cumulative sum of the weights.
int64_t race(const std::vector<float>& weights, int64_t best, uint64_t seed) {
  int64_t winner = best;
  double first = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    const double u = static_cast<double>(mix(seed + i) >> 11) * 0x1p-53;  // uniform in [0, 1)
    if (u >= first * weights[i]) continue;                                // -log(1 - u) >= u: too late in any case
    const double time = -std::log1p(-u) / weights[i];
    if (time < first) first = time, winner = static_cast<int64_t>(i);
  }
  return winner;
}

// The best tokens until their probability passes p, among those that `kept` keeps. Weights are summed in bins of nearby
// logits, best bin first; only the bin in which p is passed is sorted.
Cutoff passing(double p, const float* logits, int64_t vocabulary, float best, const Cutoff& kept,
               std::vector<float>& weights) {
  constexpr int64_t kBins = 4096;
  constexpr float kBinsPerNat = 192;
  const auto bin = [&](int64_t i) {
    return static_cast<int64_t>(std::min((best - logits[i]) * kBinsPerNat, static_cast<float>(kBins - 1)));
  };
  exponentials(logits, vocabulary, best, 1, weights.data());
  std::vector<double> sums(kBins, 0.0);
  for (int64_t i = 0; i < vocabulary; ++i)
    if (kept.keeps(logits[i], i)) sums[bin(i)] += weights[i];
  double total = 0;
  for (const double sum : sums) total += sum;
  double before = 0;  // probability of everything better
  int64_t last = 0;
  while (last + 1 < kBins && before + sums[last] / total <= p) before += sums[last++] / total;
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < vocabulary; ++i)
    if (bin(i) == last && kept.keeps(logits[i], i)) ids.push_back(i);
  std::sort(ids.begin(), ids.end(),
            [&](int64_t a, int64_t b) { return logits[a] > logits[b] || (logits[a] == logits[b] && a < b); });
  Cutoff cutoff = kept;
  for (const int64_t i : ids) {
    cutoff = {logits[i], i};
    if ((before += weights[i] / total) > p) break;
  }
  return cutoff;
}

Cutoff cutoff_of(const float* logits, int64_t vocabulary, float best, const Filter& filter,
                 std::vector<float>& scratch) {
  Cutoff cutoff;
  if (const int64_t k = kept_by_rank(filter, vocabulary); k < vocabulary) {
    std::copy_n(logits, vocabulary, scratch.begin());
    std::nth_element(scratch.begin(), scratch.begin() + (k - 1), scratch.end(), std::greater<>());
    cutoff.logit = scratch[k - 1];
  }
  return filter.top_p > 0 ? passing(filter.top_p, logits, vocabulary, best, cutoff, scratch) : cutoff;
}

}  // namespace

std::vector<int64_t> kept_tokens(const float* logits, int64_t vocabulary, const Filter& filter) {
  std::vector<float> scratch(static_cast<size_t>(vocabulary));
  const Cutoff cutoff = cutoff_of(logits, vocabulary, *std::max_element(logits, logits + vocabulary), filter, scratch);
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < vocabulary; ++i)
    if (cutoff.keeps(logits[i], i)) kept.push_back(i);
  return kept;
}

Drawn draw_token(const float* logits, int64_t vocabulary, double temperature, const Filter& filter, Random* random) {
  const int64_t best = std::max_element(logits, logits + vocabulary) - logits;
  if (is_greedy(temperature)) return {best, 1};
  std::vector<float> weights(static_cast<size_t>(vocabulary));
  const Cutoff cutoff = cutoff_of(logits, vocabulary, logits[best], filter, weights);
  exponentials(logits, vocabulary, logits[best], static_cast<float>(1 / temperature), weights.data());
  double total = 0;
  for (int64_t i = 0; i < vocabulary; ++i) {
    if (!cutoff.keeps(logits[i], i)) weights[i] = 0;
    total += weights[i];
  }
  if (!random) return {best, 1 / total};
  const int64_t winner = race(weights, best, random->bits64());
  return {winner, weights[winner] / total};
}

std::vector<Drawn> draw_tokens(const Tensor& logits, double temperature, const Filter& filter,
                               std::vector<Random> random) {
  if (!logits.is_cpu()) {
    std::vector<uint64_t> seeds;
    for (auto& stream : random) seeds.push_back(stream.bits64());
    return draw_on_device(logits, temperature, filter, seeds);
  }
  std::vector<Drawn> drawn(static_cast<size_t>(logits.size(0)));
  const Tensor rows = logits.contiguous();
  const float* data = rows.const_data_ptr<float>();
  const int64_t vocabulary = logits.size(1);
  at::parallel_for(0, logits.size(0), 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      drawn[i] =
          draw_token(data + i * vocabulary, vocabulary, temperature, filter, random.empty() ? nullptr : &random[i]);
  });
  return drawn;
}

}  // namespace fourm
