#include "fourm/eval/box_comparison.h"

#include <map>
#include <numeric>

#include "fourm/coco/average_precision.h"
#include "fourm/coco/rle_mask.h"

namespace fourm {
namespace {

using ImageMatches = std::map<std::string, ObjectMatches>;  // by class

// Shares of the image in place of pixels: what COCO makes of sizes does not matter here.
PixelBox as_pixels(const LabelledBox& box) { return {box.xmin, box.ymin, box.xmax - box.xmin, box.ymax - box.ymin}; }

// The score of a predicted box is its area.
ImageMatches match(const Boxes& predicted, const Boxes& truth) {
  std::map<std::string, std::pair<Boxes, Boxes>> classes;
  for (const auto& box : predicted) classes[box.class_name].first.push_back(box);
  for (const auto& box : truth) classes[box.class_name].second.push_back(box);
  ImageMatches matches;
  for (const auto& [name, boxes] : classes) {
    const auto& [predictions, truths] = boxes;
    ClassObjects objects;
    std::vector<double> scores;
    for (const auto& box : predictions) scores.push_back(area(box));
    for (const auto& box : truths) objects.truths.push_back({area(box)});
    for (const size_t i : best_predictions(scores)) {
      objects.predictions.push_back({scores[i], scores[i]});
      for (const auto& box : truths)
        objects.overlaps.push_back(intersection_over_union(as_pixels(predictions[i]), as_pixels(box)));
    }
    matches.emplace(name, ObjectMatches(objects));
  }
  return matches;
}

std::vector<ImageMatches> match_all(const std::vector<Boxes>& predicted, const std::vector<Boxes>& truth) {
  std::vector<ImageMatches> matches;
  for (size_t i = 0; i < truth.size(); ++i) matches.push_back(match(predicted[i], truth[i]));
  return matches;
}

// Of the chosen images: the mean over the classes in their truth. With `over_thresholds` over all IoU thresholds, else at 0.5.
double precision_of(const std::vector<ImageMatches>& matches, const std::vector<size_t>& images, bool over_thresholds) {
  std::map<std::string, std::vector<const ObjectMatches*>> classes;
  for (const size_t i : images)
    for (const auto& [name, of_class] : matches[i]) classes[name].push_back(&of_class);
  double sum = 0, defined = 0;
  for (const auto& [name, of_class] : classes) {
    const PrecisionRecall found(of_class, ObjectSize::kAll);
    if (!found.defined) continue;
    const auto& precision = found.precision;
    sum += over_thresholds ? std::accumulate(precision.begin(), precision.end(), 0.0) / kIouThresholds : precision[0];
    ++defined;
  }
  return defined > 0 ? sum / defined : 0;
}

std::vector<size_t> numbers_to(size_t n) {
  std::vector<size_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), size_t{0});
  return numbers;
}

Boxes mean_boxes(const std::vector<Boxes>& truth) {
  std::map<std::string, std::pair<LabelledBox, double>> sums;
  for (const auto& boxes : truth)
    for (const auto& box : boxes) {
      auto& [sum, count] = sums[box.class_name];
      sum.xmin += box.xmin, sum.ymin += box.ymin, sum.xmax += box.xmax, sum.ymax += box.ymax;
      ++count;
    }
  Boxes means;
  for (const auto& [name, item] : sums) {
    const auto& [sum, count] = item;
    means.push_back({sum.xmin / count, sum.ymin / count, sum.xmax / count, sum.ymax / count, name, 1});
  }
  return means;
}

}  // namespace

std::vector<Comparison> compare_boxes(const std::vector<Boxes>& model, const std::vector<Boxes>& ceiling,
                                      const std::vector<Boxes>& truth, uint64_t seed) {
  const size_t n = truth.size();
  const auto of_model = match_all(model, truth), of_ceiling = match_all(ceiling, truth),
             of_baseline = match_all(std::vector<Boxes>(n, mean_boxes(truth)), truth);
  const std::vector<size_t> all = numbers_to(n);
  std::vector<Comparison> comparisons;
  for (const bool over_thresholds : {true, false}) {
    Comparison comparison;
    comparison.name = over_thresholds ? "boxes AP" : "boxes AP50";
    comparison.model = bootstrap(
        n, seed, [&](const std::vector<size_t>& samples) { return precision_of(of_model, samples, over_thresholds); });
    comparison.ceiling = precision_of(of_ceiling, all, over_thresholds);
    comparison.baseline = precision_of(of_baseline, all, over_thresholds);
    comparisons.push_back(comparison);
  }
  return comparisons;
}

}  // namespace fourm
