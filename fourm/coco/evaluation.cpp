#include "fourm/coco/evaluation.h"

#include <map>

namespace fourm {
namespace {

// The objects of one class in one image.
struct Group {
  std::vector<const CocoObject*> truths, predictions;
};

ObjectMatches match(const Group& group, CocoKind kind) {
  ClassObjects objects;
  for (const auto* truth : group.truths) objects.truths.push_back({truth->area, truth->crowd, truth->never_found});
  std::vector<double> scores;
  for (const auto* prediction : group.predictions) scores.push_back(prediction->score);
  for (const size_t i : best_predictions(scores)) {
    const CocoObject& prediction = *group.predictions[i];
    objects.predictions.push_back({prediction.score, prediction.area});
    for (const auto* truth : group.truths)
      objects.overlaps.push_back(kind == CocoKind::kBoxes
                                     ? intersection_over_union(prediction.box, truth->box, truth->crowd)
                                     : intersection_over_union(prediction.mask, truth->mask, truth->crowd));
  }
  return ObjectMatches(objects);
}

}  // namespace

DetectionScores evaluate_detections(const CocoTruth& truth, const std::vector<CocoObject>& predictions) {
  std::vector<std::map<size_t, Group>> groups(truth.category_places.size());  // [category][image]
  for (const auto& object : truth.objects) groups[object.category][object.image].truths.push_back(&object);
  for (const auto& object : predictions) groups[object.category][object.image].predictions.push_back(&object);
  std::vector<std::vector<ObjectMatches>> matches(groups.size());
  std::vector<std::vector<const ObjectMatches*>> classes(groups.size());
  for (size_t k = 0; k < groups.size(); ++k) {
    for (const auto& [image, group] : groups[k]) matches[k].push_back(match(group, truth.kind));
    for (const auto& of_image : matches[k]) classes[k].push_back(&of_image);
  }
  return DetectionScores::of(classes);
}

Json to_json(const DetectionScores& scores) {
  Json json;
  for (const auto& [name, value] : kDetectionScores) json[std::string(name)] = scores.*value;
  return json;
}

}  // namespace fourm
