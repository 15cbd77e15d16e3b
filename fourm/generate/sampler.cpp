#include "fourm/generate/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr double kGreedy = 1e-10;  // temperatures up to here take the best token

int64_t kept_by_rank(const Filter& filter, int64_t vocabulary) {
  if (filter.top_k_share > 0) {
    const auto k = std::min(static_cast<int64_t>(filter.top_k_share * static_cast<double>(vocabulary)), vocabulary);
    check(k > 0, "top_k_share ", filter.top_k_share, " keeps none of ", vocabulary, " tokens");
    return k;
  }
  return filter.top_k > 0 ? std::min(filter.top_k, vocabulary) : vocabulary;
}

}  // namespace

std::vector<int64_t> kept_tokens(const float* scores, int64_t vocabulary, const Filter& filter) {
  std::vector<int64_t> kept(static_cast<size_t>(vocabulary));
  std::iota(kept.begin(), kept.end(), int64_t{0});
  const auto better = [&](int64_t a, int64_t b) { return scores[a] > scores[b] || (scores[a] == scores[b] && a < b); };
  if (const int64_t k = kept_by_rank(filter, vocabulary); k < vocabulary) {
    std::nth_element(kept.begin(), kept.begin() + (k - 1), kept.end(), better);
    const float threshold = scores[kept[k - 1]];
    std::erase_if(kept, [&](int64_t id) { return scores[id] < threshold; });
  }
  if (filter.top_p > 0) {
    std::sort(kept.begin(), kept.end(), better);
    double total = 0;
    for (const int64_t id : kept) total += std::exp(static_cast<double>(scores[id]) - scores[kept[0]]);
    double before = 0;  // probability of everything better
    size_t count = 0;
    for (; count < kept.size() && before <= filter.top_p; ++count)
      before += std::exp(static_cast<double>(scores[kept[count]]) - scores[kept[0]]) / total;
    kept.resize(std::max<size_t>(count, 1));
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

Drawn draw_token(const float* scores, int64_t vocabulary, double temperature, const Filter& filter, Random* random) {
  const int64_t best = std::max_element(scores, scores + vocabulary) - scores;
  if (std::abs(temperature) <= kGreedy) return {best, 1};
  const bool filtered = filter.top_p > 0 || kept_by_rank(filter, vocabulary) < vocabulary;
  const auto kept = filtered ? kept_tokens(scores, vocabulary, filter) : std::vector<int64_t>();
  const auto count = filtered ? static_cast<int64_t>(kept.size()) : vocabulary;
  const auto id = [&](int64_t i) { return filtered ? kept[i] : i; };
  const auto weight = [&](int64_t i) {
    return std::exp((static_cast<double>(scores[id(i)]) - scores[best]) / temperature);
  };
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += weight(i);
  if (!random) return {best, 1 / total};
  double rest = random->uniform() * total;
  int64_t last = best;
  for (int64_t i = 0; i < count; ++i) {
    const double w = weight(i);
    if (w > 0) last = id(i);
    if ((rest -= w) < 0) return {id(i), w / total};
  }
  return {last, std::exp((static_cast<double>(scores[last]) - scores[best]) / temperature) / total};
}

}  // namespace fourm
