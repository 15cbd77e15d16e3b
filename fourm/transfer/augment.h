// Random changes of training samples. What an image shows (crop, scale, mirroring) is drawn once as a view, which all maps,
// boxes and masks of the sample follow; what only concerns colours follows after it. All draws come from one Random, which a
// caller makes of the seed and the number of the sample in the run.
#pragma once

#include <string>
#include <vector>

#include "fourm/transfer/view.h"

namespace fourm {

struct AugmentConfig {
  std::string crop = "none";
  std::vector<double> scale{0.08, 1}, ratio{0.75, 4.0 / 3};
  double flip = 0.5;
  double rand_augment = 0, rand_augment_deviation = 0.5, rand_augment_prob = 0.5;
  int64_t rand_augment_operations = 2;
  double brightness = 0, contrast = 0, saturation = 0, hue = 0, colour_prob = 1;
  double mixup = 0, cutmix = 0, mix_prob = 1;

  template <class Visitor>
  void fields(Visitor& v) {
    v("crop", crop,
      "the view of an image: none (as in evaluation), resized (random resized crop, made square), jitter (large-scale "
      "jitter: scaled, then cut or padded) or square (a random square)",
      OneOf{{"none", "resized", "jitter", "square"}});
    v("scale", scale,
      "minimum and maximum scale. resized: area of the crop over that of the image; jitter: longer side of the scaled "
      "image over the side of the input; square: side of the crop over the shorter side of the image",
      Range{1e-3, 100});
    v("ratio", ratio, "resized: minimum and maximum width over height", Range{1e-2, 100});
    v("flip", flip, "probability of a horizontal flip", Range{0, 1});
    v("rand_augment", rand_augment, "RandAugment's magnitude, of 10; 0 = none; for classification", Range{0, 10});
    v("rand_augment_deviation", rand_augment_deviation, "standard deviation of the magnitude", Range{0, 10});
    v("rand_augment_operations", rand_augment_operations, "operations per image", Range{1, 15});
    v("rand_augment_prob", rand_augment_prob, "probability of applying each operation", Range{0, 1});
    v("brightness", brightness, "colour jitter: brightness factors are 1 plus or minus this", Range{0, 1});
    v("contrast", contrast, "colour jitter: contrast factors are 1 plus or minus this", Range{0, 1});
    v("saturation", saturation, "colour jitter: saturation factors are 1 plus or minus this", Range{0, 1});
    v("hue", hue, "colour jitter: turns of the hue, plus or minus", Range{0, 0.5});
    v("colour_prob", colour_prob, "probability of colour jitter", Range{0, 1});
    v("mixup", mixup, "alpha of mixup: pairs of images of a batch are blended; 0 = none; for classification",
      at_least(0));
    v("cutmix", cutmix,
      "alpha of cutmix: a rectangle comes from the other image; 0 = none; with mixup each has half of the pairs",
      at_least(0));
    v("mix_prob", mix_prob, "probability of mixing a pair", Range{0, 1});
  }
  /// Error naming the key on values that do not fit each other.
  void validate(const std::string& origin) const;
};

/// The view of a training sample. `fit` and `share` are those of evaluation.
CropView draw_view(const AugmentConfig& config, int width, int height, Fit fit, double share, Random& random);

/// RandAugment and colour jitter.
Image draw_colours(const AugmentConfig& config, Image image, Random& random);

/// The operations of RandAugment as timm 0.9 has them with "inc1" (all grow stronger with the magnitude), by number from 0 to
/// rand_augment_operations - 1; `magnitude` is 0 to 10, `positive` the sign of those that have two.
inline constexpr int64_t kRandAugmentOperations = 15;
Image rand_augment(const Image& image, int64_t operation, double magnitude, bool positive);
const char* rand_augment_name(int64_t operation);

Image adjust_brightness(Image image, double factor);
Image adjust_contrast(Image image, double factor);    ///< about the mean grey
Image adjust_saturation(Image image, double factor);  ///< about each pixel's grey
Image adjust_hue(Image image, double turns);

/// How two images become one: lambda times the first plus 1 - lambda times the other (mixup), or a rectangle of the other in
/// the first (cutmix), whose complement has lambda of the area.
struct Mix {
  double lambda = 1;                             ///< 0 to 1
  int left = 0, top = 0, width = 0, height = 0;  ///< rectangle of the other image; empty: blended
  bool cuts() const { return width > 0 && height > 0; }
};
/// The mix of two images of `size` pixels per side.
Mix draw_mix(const AugmentConfig& config, int size, Random& random);

}  // namespace fourm
