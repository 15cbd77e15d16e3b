// Mean and standard deviation of the RGB values of ImageNet, in [0, 1]. Images are standardised by them where the original
// does so (fourm/utils/data_constants.py, IMAGENET_DEFAULT_MEAN and IMAGENET_DEFAULT_STD).
#pragma once

namespace fourm {

inline constexpr float kImageNetMean[3] = {0.485F, 0.456F, 0.406F};
inline constexpr float kImageNetDeviation[3] = {0.229F, 0.224F, 0.225F};

}  // namespace fourm
