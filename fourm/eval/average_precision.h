// Average precision of labelled boxes (Everingham et al. 2010; Lin et al. 2014).
#pragma once

#include <map>
#include <vector>

#include "fourm/text/boxes.h"

namespace fourm {

/// Area of the intersection over area of the union; 0 when both boxes are empty.
double intersection_over_union(const LabelledBox& a, const LabelledBox& b);

/// The predictions on one image, matched with its ground truth.
struct BoxMatches {
  struct Prediction {
    double score;
    bool correct;
  };
  std::map<std::string, std::vector<Prediction>> predictions;  ///< by class
  std::map<std::string, int64_t> truths;                       ///< number of ground-truth boxes by class
};

/// In the order of falling scores, each predicted box is matched with the unmatched ground-truth box of its class that it
/// overlaps most, if their intersection over union is `least` or more.
BoxMatches match_boxes(std::vector<LabelledBox> predicted, const std::vector<LabelledBox>& truth, double least = 0.5);

/// Mean over the classes of the ground truth of the area under the precision-recall curve, where the precision at a recall
/// is the highest at that recall or above. Predictions of equal score count as one step. 0 without ground truth.
double average_precision(const std::vector<const BoxMatches*>& images);

}  // namespace fourm
