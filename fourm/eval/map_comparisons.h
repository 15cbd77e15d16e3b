// Images and maps of a model against the truth.
#pragma once

#include "fourm/eval/comparison.h"
#include "fourm/modality/transform.h"

namespace fourm {

/// One subject, as stored images of one size, one a sample.
struct MapAnswers {
  InputConfig kind;
  std::vector<StoredImage> truth, model, ceiling;  ///< ceiling: the truth through the tokenizer
};

/// By the subject's kind, each beside a baseline that is the same for every sample: depth (AbsRel, delta1; L1 where the
/// tokenizer standardises it) and normals
/// (mean angle) beside the mean of each pixel, labels (mIoU) beside its most frequent class, features (cosine) and RGB
/// (PSNR) beside its mean. All taken from the truth itself, and over its known pixels (known_pixels). A sample without
/// any counts nowhere; where no sample has one, a warning says so and there is no comparison.
std::vector<Comparison> compare_maps(const MapAnswers& answers, uint64_t seed);

}  // namespace fourm
