// The measures of each modality, on plain arrays. Errors are averaged over pixels of a picture, then over pictures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

/// Mean and a 95 % interval over samples (normal approximation).
struct Summary {
  double mean = 0, half_width = 0;
  int64_t count = 0;
};
Summary summarise(const std::vector<double>& values);

/// Of one picture; pixels whose true depth is 0 or not finite are left out. Depths in metres.
struct DepthErrors {
  double abs_rel = 0;  ///< mean |p - t| / t
  double delta1 = 0;   ///< share of pixels with max(p / t, t / p) < 1.25
};
DepthErrors depth_errors(const Raster<float>& predicted, const Raster<float>& truth);

/// Mean angle in degrees between the normals that two 8-bit pictures encode ((n + 1) / 2 * 255).
double mean_angle(const Image& predicted, const Image& truth);

/// Counts over all pictures of a data set.
class Confusion {
 public:
  explicit Confusion(int64_t classes) : classes_(classes), counts_(static_cast<size_t>(classes * classes)) {}
  void add(const Raster<uint8_t>& predicted, const Raster<uint8_t>& truth);
  /// Over the classes that occur in the truth: predictions of one set are all averaged over the same classes, and a
  /// class that is only predicted costs those whose place it takes.
  double mean_iou() const;
  double accuracy() const;  ///< share of pixels

 private:
  int64_t classes_;
  std::vector<int64_t> counts_;  // [truth, predicted]
};

/// Peak signal-to-noise ratio in dB of 8-bit pictures; infinite when equal.
double psnr(const Image& a, const Image& b);
/// The same, at most 100: means over pictures stay finite.
double bounded_psnr(const Image& a, const Image& b);

/// Structural similarity of 8-bit pictures (Wang et al. 2004): windows of 11 pixels weighted by a Gaussian of deviation
/// 1.5, constants 0.01 and 0.03, mean over the windows inside the picture and over channels. At most 1, for equal
/// pictures. Pictures smaller than a window are one window, evenly weighted.
double ssim(const Image& a, const Image& b);

/// Each block of side x side pixels (less at the right and lower edge) in its mean colour.
Image block_mean(const Image& image, int side);

/// Mean over positions of the cosine between feature vectors. [positions, width] each.
double mean_cosine(const std::vector<float>& a, const std::vector<float>& b, int64_t width);

}  // namespace fourm
