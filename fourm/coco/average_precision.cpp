#include "fourm/coco/average_precision.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr size_t kRecalls = 101;
constexpr double kAreas[kObjectSizes][2] = {{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}};

bool is_outside(double area, size_t size) { return area < kAreas[size][0] || area > kAreas[size][1]; }

// numpy.linspace, whose rounding decides where an overlap equals a threshold.
template <size_t n>
constexpr std::array<double, n> evenly(double from, double to) {
  std::array<double, n> values{};
  const double step = (to - from) / (n - 1);
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<double>(i) * step + from;
  values[n - 1] = to;
  return values;
}

constexpr auto kThresholds = evenly<kIouThresholds>(0.5, 0.95);
constexpr auto kRecallSteps = evenly<kRecalls>(0, 1);

// The truths in the order in which they are sorted: those that are to be found before those that are ignored.
struct SortedTruths {
  std::vector<size_t> order;
  std::vector<bool> ignored;  // by truth

  SortedTruths(const std::vector<ClassObjects::Truth>& truths, size_t size) : order(truths.size()) {
    for (const auto& truth : truths) ignored.push_back(truth.crowd || is_outside(truth.area, size));
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_partition(order.begin(), order.end(), [&](size_t t) { return !ignored[t]; });
  }
};

std::optional<size_t> best_truth(const ClassObjects& objects, size_t prediction, const SortedTruths& sorted,
                                 const std::vector<bool>& taken, double threshold) {
  std::optional<size_t> best;
  double overlap = std::min(threshold, 1 - 1e-10);
  for (const size_t t : sorted.order) {
    if (taken[t] && !objects.truths[t].crowd) continue;
    if (best && !sorted.ignored[*best] && sorted.ignored[t]) break;
    const double of_this = objects.overlaps[prediction * objects.truths.size() + t];
    if (of_this < overlap) continue;
    overlap = of_this;
    best = t;
  }
  return best;
}

// A mean over defined values; -1 without any.
struct Mean {
  double sum = 0;
  int64_t count = 0;
  void add(double value) { sum += value, ++count; }
  void add_all(const std::array<double, kIouThresholds>& values) {
    for (const double value : values) add(value);
  }
  double value() const { return count ? sum / static_cast<double>(count) : -1; }
};

}  // namespace

std::vector<size_t> best_predictions(const std::vector<double>& scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  order.resize(std::min(order.size(), static_cast<size_t>(kMostPredictions)));
  return order;
}

ObjectMatches::ObjectMatches(const ClassObjects& objects) {
  const size_t n = objects.predictions.size();
  check(objects.overlaps.size() == n * objects.truths.size(), "[ObjectMatches] ", objects.overlaps.size(),
        " overlaps of ", n, " predictions and ", objects.truths.size(), " truths");
  for (const auto& prediction : objects.predictions) scores_.push_back(prediction.score);
  outcomes_.resize(kObjectSizes * kIouThresholds * n);
  for (size_t size = 0; size < kObjectSizes; ++size) {
    const SortedTruths sorted(objects.truths, size);
    truths_[size] = std::count(sorted.ignored.begin(), sorted.ignored.end(), false);
    for (size_t threshold = 0; threshold < kIouThresholds; ++threshold) {
      std::vector<bool> taken(objects.truths.size(), false);
      for (size_t p = 0; p < n; ++p) {
        const auto match = best_truth(objects, p, sorted, taken, kThresholds[threshold]);
        if (match) taken[*match] = true;
        const bool found = match && !objects.truths[*match].never_found;
        const bool ignored =
            (match && sorted.ignored[*match]) || (!found && is_outside(objects.predictions[p].area, size));
        outcomes_[index(size, threshold, p)] = ignored ? Outcome::kIgnored
                                               : found ? Outcome::kTruePositive
                                                       : Outcome::kFalsePositive;
      }
    }
  }
}

PrecisionRecall::PrecisionRecall(const std::vector<const ObjectMatches*>& images, ObjectSize size, int64_t most) {
  using Outcome = ObjectMatches::Outcome;
  const auto s = static_cast<size_t>(size);
  struct Place {
    const ObjectMatches* image;
    size_t prediction;
    double score() const { return image->scores_[prediction]; }
  };
  std::vector<Place> places;
  int64_t truths = 0;
  for (const ObjectMatches* image : images) {
    truths += image->truths_[s];
    for (size_t p = 0; p < std::min(image->scores_.size(), static_cast<size_t>(most)); ++p)
      places.push_back({image, p});
  }
  defined = truths > 0;
  if (!defined) return;
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.score() > b.score(); });
  for (size_t threshold = 0; threshold < kIouThresholds; ++threshold) {
    std::vector<double> recalls, precisions;
    double right = 0, wrong = 0;
    for (const auto& [image, prediction] : places) {
      const Outcome outcome = image->outcomes_[image->index(s, threshold, prediction)];
      right += outcome == Outcome::kTruePositive;
      wrong += outcome == Outcome::kFalsePositive;
      recalls.push_back(right / static_cast<double>(truths));
      precisions.push_back(right / (right + wrong + std::numeric_limits<double>::epsilon()));
    }
    for (size_t i = precisions.size(); i-- > 1;) precisions[i - 1] = std::max(precisions[i - 1], precisions[i]);
    double sum = 0;
    for (const double step : kRecallSteps) {
      const auto reached = std::lower_bound(recalls.begin(), recalls.end(), step);
      if (reached != recalls.end()) sum += precisions[static_cast<size_t>(reached - recalls.begin())];
    }
    precision[threshold] = sum / kRecalls;
    recall[threshold] = recalls.empty() ? 0 : recalls.back();
  }
}

DetectionScores DetectionScores::of(const std::vector<std::vector<const ObjectMatches*>>& classes) {
  std::array<Mean, kObjectSizes> precision, recall;
  Mean ap50, ap75, ar1, ar10;
  for (const auto& images : classes) {
    for (size_t size = 0; size < kObjectSizes; ++size) {
      const PrecisionRecall all(images, static_cast<ObjectSize>(size));
      if (!all.defined) continue;
      precision[size].add_all(all.precision);
      recall[size].add_all(all.recall);
      if (size != 0) continue;
      ap50.add(all.precision[0]);
      ap75.add(all.precision[5]);
      ar1.add_all(PrecisionRecall(images, ObjectSize::kAll, 1).recall);
      ar10.add_all(PrecisionRecall(images, ObjectSize::kAll, 10).recall);
    }
  }
  return {precision[0].value(), ap50.value(),         ap75.value(),      precision[1].value(),
          precision[2].value(), precision[3].value(), ar1.value(),       ar10.value(),
          recall[0].value(),    recall[1].value(),    recall[2].value(), recall[3].value()};
}

}  // namespace fourm
