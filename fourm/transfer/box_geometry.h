// Boxes in pixels as tensors [N, 4]: left, top, right, bottom.
#pragma once

#include <array>
#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

/// Intersection over union of each of N with each of M boxes: [N, M].
Tensor box_iou(const Tensor& a, const Tensor& b);

/// Indices of the boxes that stay, in the order of falling scores (equal ones as they stand): a box is suppressed when its
/// IoU with a kept box is above `threshold`. As torchvision.ops.nms.
std::vector<int64_t> non_maximum_suppression(const Tensor& boxes, const Tensor& scores, double threshold);
/// The same among the boxes of each class.
std::vector<int64_t> non_maximum_suppression(const Tensor& boxes, const Tensor& scores, const Tensor& classes,
                                             double threshold);

/// The weights of the four numbers of a box regression: x, y, width, height (Girshick 2015).
using BoxWeights = std::array<double, 4>;
/// The deltas [N, 4] of `boxes` relative to `anchors`, both [N, 4]: the targets of box regression.
Tensor encode_boxes(const Tensor& anchors, const Tensor& boxes, const BoxWeights& weights);
/// The boxes of `deltas` [N, 4] relative to `anchors`: the inverse of encode_boxes; widths and heights grow by a factor of at most 62.5.
Tensor decode_boxes(const Tensor& anchors, const Tensor& deltas, const BoxWeights& weights);

/// Boxes clipped to an image of size x size pixels.
Tensor clipped_boxes(const Tensor& boxes, double size);

}  // namespace fourm
