// The masks of found objects (He et al. 2017, "Mask R-CNN"): a head that predicts a small mask over each box, the masks that it
// should predict, and small masks as masks of an image.
#pragma once

#include <array>

#include "fourm/coco/rle_mask.h"
#include "fourm/transfer/feature_pyramid.h"

namespace fourm {

inline constexpr int64_t kMaskBins = 14;             ///< positions per side of the features of a box
inline constexpr int64_t kMaskSide = 2 * kMaskBins;  ///< pixels per side of a predicted mask

/// Features of boxes [N, C, 14, 14] -> mask logits [N, K, 28, 28], one mask for each class: four convolutions with norms, a
/// transposed one, and a linear map (ViTDet).
struct MaskHead {
  std::vector<NormedConv> convs;
  DoublingConv up;
  Linear masks;
  MaskHead() = default;
  MaskHead(const Scope& scope, int64_t channels, int64_t classes);
  Tensor operator()(const Tensor& x) const;
};

/// Left, top, right and bottom.
using BoxCorners = std::array<double, 4>;

/// The mask that `probabilities` [side, side] over a box make of an image of this size: the pixels whose bilinear value is at least one
/// half, as Detectron2's paste_masks_in_image. The box may reach beyond the image.
RleMask pasted_mask(const float* probabilities, int64_t side, const BoxCorners& box, int64_t height, int64_t width);

}  // namespace fourm
