// COCO's measures of predicted boxes and masks, equal to pycocotools'.
#pragma once

#include "fourm/coco/annotations.h"
#include "fourm/coco/average_precision.h"
#include "fourm/core/json.h"

namespace fourm {

/// The twelve numbers of boxes or of masks, as truth.kind says.
DetectionScores evaluate_detections(const CocoTruth& truth, const std::vector<CocoObject>& predictions);

/// {"AP": 0.4, ...} with the names of kDetectionScores.
Json to_json(const DetectionScores& scores);

}  // namespace fourm
