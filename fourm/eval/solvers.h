// The error of diffusion decoding with few steps, by solver.
#pragma once

#include "fourm/tokenizer/image_tokenizer.h"

namespace fourm {

struct SolverError {
  DecodeOptions options;
  double rmse, largest;  ///< of 8-bit values against the reference: over all images, and of the worst image
  double psnr;           ///< against the images that were encoded
  double seconds;        ///< per image
};

/// Encodes images of one size and decodes them by dpm++, ddim and ddpm with each number of steps, from the same noise.
/// The first row is the reference, `reference` steps of DDIM.
std::vector<SolverError> compare_solvers(const ImageTokenizer& tokenizer, const std::vector<StoredImage>& images,
                                         const std::vector<int64_t>& steps, int64_t reference, DecodeOptions options);

}  // namespace fourm
