// One measure of a model beside its ceiling and its baseline. The ceiling is the score of the ground truth after encoding
// and decoding by the tokenizer; the baseline is the score of predictions that ignore the input.
#pragma once

#include <functional>
#include <optional>

#include "fourm/eval/measures.h"

namespace fourm {

struct Comparison {
  std::string name, unit;
  bool higher = true;  ///< higher scores are better
  Summary model;
  double ceiling = 0, baseline = 0;

  /// Gap closed: (model - baseline) / (ceiling - baseline). Nothing where the ceiling is not better than the baseline by
  /// more than the half-width of the model's confidence interval.
  std::optional<double> gap_closed() const;
};

/// Something that an evaluation does not measure.
struct Unmeasured {
  std::string what;  ///< a modality of the model, a folder of the data set or a measure
  std::string reason;
};

/// Compares the means of one score per sample.
Comparison compare(const std::string& name, const std::string& unit, bool higher, const std::vector<double>& model,
                   const std::vector<double>& ceiling, const std::vector<double>& baseline);

/// A measure of a whole set: its value on all n samples, with a bootstrap interval (200 draws of n samples with
/// replacement).
Summary bootstrap(size_t n, uint64_t seed, const std::function<double(const std::vector<size_t>& samples)>& measure);

}  // namespace fourm
