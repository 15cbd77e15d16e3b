// ROI-align (He et al. 2017, "Mask R-CNN") with half-pixel offsets, as torchvision.ops.roi_align with aligned=True.
#pragma once

#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

/// A feature map of B images: [B, C, H, W], of which one position is `stride` pixels.
struct PyramidLevel {
  Tensor map;
  double stride = 1;
};

/// The features of N boxes in pixels [N, 4], of the images `images` [N] (counted from 0), on the levels `levels` [N]:
/// [N, C, bins, bins]. Each bin is the mean of samples x samples bilinear values; 0 samples: one for each position of the map, as
/// many as the bin is long. Differentiable in the maps.
Tensor roi_align(const std::vector<PyramidLevel>& pyramid, const Tensor& boxes, const std::vector<int64_t>& images,
                 const std::vector<int64_t>& levels, int64_t bins, int64_t samples = 0);

/// The masks [n, H, W] of bytes, 0 or 1, over N boxes in pixels [N, 4], `objects` [N] of them: [N, bins, bins], 1 where roi_align
/// of the mask is at least one half.
Tensor crop_masks(const Tensor& masks, const Tensor& boxes, const std::vector<int64_t>& objects, int64_t bins);

/// The level of each box: that of the stride 16 for a box as large as `canonical` pixels, one level lower for half of the size (Lin
/// et al. 2017, "Feature pyramid networks").
std::vector<int64_t> pyramid_levels(const Tensor& boxes, const std::vector<PyramidLevel>& pyramid,
                                    double canonical = 224);

}  // namespace fourm
