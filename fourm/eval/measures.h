// The measures of each modality, on plain arrays. Errors are averaged over pixels of an image, then over images.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "fourm/modality/known_pixels.h"

namespace fourm {

/// Mean and a 95 % interval over samples (normal approximation).
struct Summary {
  double mean = 0, half_width = 0;
  int64_t count = 0;
};
Summary summarise(const std::vector<double>& values);

/// The depths that count, in metres: the truth is known above 0 and up to `most`; predictions are clamped to the range.
struct DepthRange {
  double least = 1e-6, most = std::numeric_limits<double>::infinity();
  bool is_known(float truth) const { return truth > 0 && truth <= most; }
};

/// Errors of one image, over the pixels of known depth (Eigen et al. 2014). Depths in metres.
struct DepthErrors {
  double abs_rel = 0;                         ///< mean |p - t| / t
  double rmse = 0;                            ///< root of the mean (p - t)^2, in metres
  double log10 = 0;                           ///< mean |log10 p - log10 t|
  double delta1 = 0, delta2 = 0, delta3 = 0;  ///< fractions of pixels with max(p / t, t / p) < 1.25, 1.25^2, 1.25^3
};
/// Error when no pixel is known.
DepthErrors depth_errors(const Raster<float>& predicted, const Raster<float>& truth, const DepthRange& range = {});

/// The predicted depth times a factor plus an offset, those of the least squares to the truth over its known pixels: for
/// predictions without a scale. A constant prediction becomes the mean of the truth. Error when none is known.
Raster<float> aligned_depth(const Raster<float>& predicted, const Raster<float>& truth);

/// Mean |p - t| of two standardised depth maps (standardised_depth), in standard deviations, over the known pixels of the
/// truth: the "standardized L1 error" of the paper's Table 31, which does not define it further. Both are standardised,
/// so that scale and offset do not matter. Error when no pixel is known.
double standardised_l1(const Raster<float>& predicted, const Raster<float>& truth, const KnownPixels& known = {});

/// Angles in degrees between the normals that two 8-bit images encode ((n + 1) / 2 * 255), over the known pixels of the
/// truth. Error when none is known.
struct NormalErrors {
  double mean = 0, median = 0;
  double within_11 = 0, within_22 = 0, within_30 = 0;  ///< fractions of pixels below 11.25, 22.5 and 30 degrees
};
NormalErrors normal_errors(const Image& predicted, const Image& truth, const KnownPixels& known = {});
inline double mean_angle(const Image& predicted, const Image& truth, const KnownPixels& known = {}) {
  return normal_errors(predicted, truth, known).mean;
}

/// The confusion matrix of labels, over all images of a data set.
class Confusion {
 public:
  /// Pixels whose true label is `ignored` are not counted.
  explicit Confusion(int64_t classes, std::optional<uint8_t> ignored = {})
      : classes_(classes), ignored_(ignored), counts_(static_cast<size_t>(classes * classes)) {}
  void add(const Raster<uint8_t>& predicted, const Raster<uint8_t>& truth);
  void add(int64_t predicted, int64_t truth);  ///< one pixel
  /// Intersection over union of a class; nothing where the class does not occur in the truth.
  std::optional<double> iou(int64_t c) const;
  /// Mean over the classes that occur in the truth, so that all predictions of one set are averaged over the same
  /// classes. Pixels of a class that is only predicted lower the IoU of their true class.
  double mean_iou() const;
  double mean_accuracy() const;  ///< mean over the classes that occur of the fraction of their pixels that is right
  double accuracy() const;       ///< fraction of pixels that is right
  int64_t pixels() const;        ///< that were counted
  /// [classes, classes] by truth and prediction; to be summed over processes.
  std::vector<int64_t>& counts() { return counts_; }

 private:
  struct Class {
    int64_t truth, predicted, both;
  };
  Class count(int64_t c) const;
  template <class Score>
  double mean(const Score& score) const;  // over the classes that occur
  int64_t classes_;
  std::optional<uint8_t> ignored_;
  std::vector<int64_t> counts_;  // [truth, predicted]
};

/// Peak signal-to-noise ratio in dB of 8-bit images, over known pixels; infinite when they are equal.
double psnr(const Image& a, const Image& b, const KnownPixels& known = {});
/// The same, at most 100: means over images stay finite.
double bounded_psnr(const Image& a, const Image& b, const KnownPixels& known = {});

/// Structural similarity of 8-bit images (Wang et al. 2004): windows of 11 pixels weighted by a Gaussian of deviation
/// 1.5, constants 0.01 and 0.03, mean over the windows inside the image and over channels. At most 1, for equal
/// images. Images smaller than a window are one window, evenly weighted. Within a window only known pixels count;
/// windows are weighted by their known fraction.
double ssim(const Image& a, const Image& b, const KnownPixels& known = {});

/// Each block of side x side pixels (less at the right and lower edge) in the mean colour of its known pixels; a block
/// without any is black.
Image block_mean(const Image& image, int side, const KnownPixels& known = {});

/// Mean over positions of the cosine between feature vectors. [positions, width] each.
double mean_cosine(const std::vector<float>& a, const std::vector<float>& b, int64_t width);

}  // namespace fourm
