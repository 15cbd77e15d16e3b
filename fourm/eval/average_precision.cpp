#include "fourm/eval/average_precision.h"

#include <algorithm>

namespace fourm {
namespace {

double area_under_curve(std::vector<BoxMatches::Prediction> predictions, int64_t truths) {
  std::sort(predictions.begin(), predictions.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<double> recall, precision;
  int64_t correct = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    correct += predictions[i].correct;
    if (i + 1 < predictions.size() && predictions[i + 1].score == predictions[i].score) continue;
    recall.push_back(static_cast<double>(correct) / static_cast<double>(truths));
    precision.push_back(static_cast<double>(correct) / static_cast<double>(i + 1));
  }
  double sum = 0, best = 0;
  for (size_t i = recall.size(); i-- > 0;) {
    best = std::max(best, precision[i]);
    sum += best * (recall[i] - (i ? recall[i - 1] : 0));
  }
  return sum;
}

}  // namespace

double intersection_over_union(const LabelledBox& a, const LabelledBox& b) {
  const LabelledBox shared{
      std::max(a.xmin, b.xmin), std::max(a.ymin, b.ymin), std::min(a.xmax, b.xmax), std::min(a.ymax, b.ymax), "", 1};
  const double both = area(shared), either = area(a) + area(b) - both;
  return either > 0 ? both / either : 0;
}

BoxMatches match_boxes(std::vector<LabelledBox> predicted, const std::vector<LabelledBox>& truth, double least) {
  BoxMatches matches;
  for (const auto& box : truth) ++matches.truths[box.class_name];
  std::stable_sort(predicted.begin(), predicted.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<bool> taken(truth.size(), false);
  for (const auto& box : predicted) {
    size_t match = truth.size();
    double overlap = 0;
    for (size_t i = 0; i < truth.size(); ++i) {
      if (taken[i] || truth[i].class_name != box.class_name) continue;
      const double iou = intersection_over_union(box, truth[i]);
      if (iou >= least && iou > overlap) {
        match = i;
        overlap = iou;
      }
    }
    if (match < truth.size()) taken[match] = true;
    matches.predictions[box.class_name].push_back({box.score, match < truth.size()});
  }
  return matches;
}

double average_precision(const std::vector<const BoxMatches*>& images) {
  std::map<std::string, int64_t> truths;
  std::map<std::string, std::vector<BoxMatches::Prediction>> predictions;
  for (const BoxMatches* image : images) {
    for (const auto& [name, count] : image->truths) truths[name] += count;
    for (const auto& [name, list] : image->predictions)
      predictions[name].insert(predictions[name].end(), list.begin(), list.end());
  }
  double sum = 0;
  for (const auto& [name, count] : truths) sum += area_under_curve(predictions[name], count);
  return truths.empty() ? 0 : sum / static_cast<double>(truths.size());
}

}  // namespace fourm
