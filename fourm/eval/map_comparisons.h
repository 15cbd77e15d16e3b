// Predicted images and maps against the ground truth.
#pragma once

#include "fourm/eval/comparison.h"
#include "fourm/modality/transform.h"

namespace fourm {

/// The mean of each pixel over the images in which it is known; that of the first image where it is known in none. The
/// images (at least one) are Raster<T> of one size, T float or uint8_t.
template <class T>
Raster<T> pixel_mean(const InputConfig& kind, const std::vector<StoredImage>& images);

/// One modality, as stored images of one size, one for each sample.
struct MapPredictions {
  InputConfig kind;
  std::vector<StoredImage> truth, model, ceiling;  ///< ceiling: the ground truth reconstructed by the tokenizer
  bool align_depth = false;                        ///< after scale and shift (aligned_depth)
};

/// Measures by kind: AbsRel, delta1 to delta3 and RMSE of depth (L1 where the tokenizer standardises depth); mean and median
/// angle of normals and the fractions within 11.25, 22.5 and 30 degrees; mIoU and accuracy of labels; cosine of features; PSNR of
/// RGB. The baseline is one prediction for all samples, computed from the ground
/// truth: the most frequent class of each pixel for labels, the mean of each pixel otherwise. Unknown pixels of the ground
/// truth (known_pixels) are ignored, and so are samples without a known pixel. Returns nothing, with a warning, when no
/// sample has one.
std::vector<Comparison> compare_maps(const MapPredictions& predictions, uint64_t seed);

}  // namespace fourm
