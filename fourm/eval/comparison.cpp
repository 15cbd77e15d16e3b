#include "fourm/eval/comparison.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fourm/core/rng.h"

namespace fourm {

std::optional<double> Comparison::gap_closed() const {
  const double gap = ceiling - baseline;
  if ((higher ? gap : -gap) <= model.half_width) return std::nullopt;
  return (model.mean - baseline) / gap;
}

Comparison compare(const std::string& name, const std::string& unit, bool higher, const std::vector<double>& model,
                   const std::vector<double>& ceiling, const std::vector<double>& baseline) {
  return {name, unit, higher, summarise(model), summarise(ceiling).mean, summarise(baseline).mean};
}

Summary bootstrap(size_t n, uint64_t seed, const std::function<double(const std::vector<size_t>&)>& measure) {
  constexpr size_t kRounds = 200;
  std::vector<size_t> samples(n);
  std::iota(samples.begin(), samples.end(), size_t{0});
  Summary summary{measure(samples), 0, static_cast<int64_t>(n)};
  std::vector<double> values;
  for (uint64_t round = 0; round < kRounds; ++round) {
    Random random(seed, {hash_text("bootstrap"), round});
    for (size_t& sample : samples) sample = static_cast<size_t>(random.below(static_cast<int64_t>(n)));
    values.push_back(measure(samples));
  }
  std::sort(values.begin(), values.end());
  summary.half_width = (values[kRounds - 1 - kRounds / 40] - values[kRounds / 40]) / 2;
  return summary;
}

}  // namespace fourm
