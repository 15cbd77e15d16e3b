// Predicted boxes against the ground truth.
#pragma once

#include "fourm/eval/comparison.h"
#include "fourm/text/boxes.h"

namespace fourm {

/// Boxes of one image.
using Boxes = std::vector<LabelledBox>;

/// AP and AP50 as COCO defines them (coco/average_precision.h). Boxes as text have no scores: a larger box counts as one of
/// higher score. The ceiling is the ground truth as the text can express it; the baseline predicts the mean box of every
/// class for every image. 0 without ground truth.
std::vector<Comparison> compare_boxes(const std::vector<Boxes>& model, const std::vector<Boxes>& ceiling,
                                      const std::vector<Boxes>& truth, uint64_t seed);

}  // namespace fourm
