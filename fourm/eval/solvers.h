// How close few denoising steps of each solver come to many.
#pragma once

#include "fourm/tokenizer/image_tokenizer.h"

namespace fourm {

struct SolverError {
  DecodeOptions options;
  double rmse, largest;  ///< of 8-bit values, against the reference: root mean square over all, and the worst image's
  double psnr;           ///< against the images that were encoded
  double seconds;        ///< an image
};

/// Encodes images of one size and decodes them by dpm++, ddim and ddpm with each count of steps, all from one noise.
/// The reference, `reference` DDIM steps, comes first.
std::vector<SolverError> compare_solvers(const ImageTokenizer& tokenizer, const std::vector<StoredImage>& images,
                                         const std::vector<int64_t>& steps, int64_t reference, DecodeOptions options);

}  // namespace fourm
