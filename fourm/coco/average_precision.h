// Average precision and recall of detected objects as COCO defines them (Lin et al. 2014; pycocotools' COCOeval).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fourm {

/// Predictions of one class in one image beyond this many, those of the lowest scores, do not count.
constexpr int64_t kMostPredictions = 100;
/// The thresholds of intersection over union: 0.5, 0.55 ... 0.95.
constexpr size_t kIouThresholds = 10;
/// Sizes of objects by the area in pixels: all, small (to 32^2), medium (to 96^2), large.
enum class ObjectSize { kAll, kSmall, kMedium, kLarge };
constexpr size_t kObjectSizes = 4;

/// The objects of one class in one image.
struct ClassObjects {
  struct Prediction {
    double score = 0, area = 0;
  };
  struct Truth {
    double area = 0;
    bool crowd = false;        ///< a group: any number of predictions in it is neither right nor wrong
    bool never_found = false;  ///< counts as ground truth, but a prediction that is matched with it is wrong
  };
  std::vector<Prediction> predictions;  ///< in the order of falling scores (best_predictions)
  std::vector<Truth> truths;
  std::vector<double>
      overlaps;  ///< intersection over union, [predictions, truths]; in crowds over the prediction's area
};

/// The order of falling scores, equal ones as they stand, cut to kMostPredictions.
std::vector<size_t> best_predictions(const std::vector<double>& scores);

/// What became of the predictions in one image.
class ObjectMatches {
 public:
  /// For each size and threshold each prediction, from the highest score, takes the truth that it overlaps most among those
  /// that are still free. Truths of another size are ignored like crowds: what they match, and what matches nothing
  /// and is of another size itself, is neither right nor wrong.
  explicit ObjectMatches(const ClassObjects& objects);

 private:
  friend struct PrecisionRecall;
  enum class Outcome : uint8_t { kIgnored, kTruePositive, kFalsePositive };
  size_t index(size_t size, size_t overlap, size_t prediction) const {
    return (size * kIouThresholds + overlap) * scores_.size() + prediction;
  }
  std::vector<double> scores_;                  // falling
  std::array<int64_t, kObjectSizes> truths_{};  // that are to be found
  std::vector<Outcome> outcomes_;               // [size, overlap, prediction]
};

/// Of one class over all images, by threshold.
struct PrecisionRecall {
  bool defined = false;  ///< there is a truth of this size
  std::array<double, kIouThresholds>
      precision{};  ///< mean at the recalls 0, 0.01 ... 1; at each the best at that recall or above
  std::array<double, kIouThresholds> recall{};  ///< the highest

  /// With the `most` best predictions of each image. Images are in the order in which equal scores count.
  PrecisionRecall(const std::vector<const ObjectMatches*>& images, ObjectSize size, int64_t most = kMostPredictions);
};

/// COCO's twelve numbers; -1 where there is no ground truth of that size.
struct DetectionScores {
  double ap = -1, ap50 = -1, ap75 = -1, ap_small = -1, ap_medium = -1, ap_large = -1;
  double ar1 = -1, ar10 = -1, ar100 = -1, ar_small = -1, ar_medium = -1, ar_large = -1;

  /// Means over the classes with ground truth. classes[k] holds the images in which class k was predicted or is.
  static DetectionScores of(const std::vector<std::vector<const ObjectMatches*>>& classes);
};

/// The names of the numbers and their places, in COCO's order: AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl.
struct DetectionScore {
  std::string_view name;
  double DetectionScores::*value;
};
inline constexpr std::array<DetectionScore, 12> kDetectionScores{{{"AP", &DetectionScores::ap},
                                                                  {"AP50", &DetectionScores::ap50},
                                                                  {"AP75", &DetectionScores::ap75},
                                                                  {"APs", &DetectionScores::ap_small},
                                                                  {"APm", &DetectionScores::ap_medium},
                                                                  {"APl", &DetectionScores::ap_large},
                                                                  {"AR1", &DetectionScores::ar1},
                                                                  {"AR10", &DetectionScores::ar10},
                                                                  {"AR100", &DetectionScores::ar100},
                                                                  {"ARs", &DetectionScores::ar_small},
                                                                  {"ARm", &DetectionScores::ar_medium},
                                                                  {"ARl", &DetectionScores::ar_large}}};

}  // namespace fourm
