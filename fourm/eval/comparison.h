// One measure of a model, beside what its tokenizers allow (the ceiling) and what a guess without looking gives (the
// baseline).
#pragma once

#include <functional>
#include <optional>

#include "fourm/core/json.h"
#include "fourm/eval/measures.h"

namespace fourm {

struct Comparison {
  std::string name, unit;
  bool higher = true;  ///< is better
  Summary model;
  double ceiling = 0, baseline = 0;

  /// The share of the way from baseline to ceiling; nothing where the way is no longer than the interval, since the
  /// share would say nothing.
  std::optional<double> closed() const;
  Json json() const;
};

/// A score for each sample, and the means of it.
Comparison compare(const std::string& name, const std::string& unit, bool higher, const std::vector<double>& model,
                   const std::vector<double>& ceiling, const std::vector<double>& baseline);

/// A measure of a whole set: its value on all n samples; the interval comes from drawing n samples again and again,
/// with replacement.
Summary bootstrap(size_t n, uint64_t seed, const std::function<double(const std::vector<size_t>& samples)>& measure);

}  // namespace fourm
