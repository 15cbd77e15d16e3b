// The square of an image that a model with a head reads. Unlike a crop it may reach beyond the image, where it is padded.
//
// A view is a CropView (text/boxes.h) in whole pixels: the same view cuts images and maps here, and boxes by view_box.
#pragma once

#include "fourm/core/rng.h"
#include "fourm/modality/transform.h"
#include "fourm/text/boxes.h"

namespace fourm {

enum class Fit {
  kCrop,     ///< the square in the middle
  kPad,      ///< the whole image at the top left of a square as long as its longer side
  kStretch,  ///< the whole image, whatever its shape
};
/// crop, pad or stretch.
Fit parse_fit(const std::string& name);

/// `share`: side of a square in the middle over the shorter side of the image.
CropView fitted_view(int width, int height, Fit fit, double share = 1);

/// Large-scale jitter (Ghiasi et al. 2021): the image is scaled so that its longer side is `size` times a factor between
/// `least` and `most`; of a larger image a random part is inside, a smaller one is padded at its right and lower edge.
CropView jittered_view(int width, int height, double least, double most, Random& random);

/// A square as long as the shorter side of the image times `share`, anywhere in the image.
CropView random_square(int width, int height, double share, Random& random);

/// The input of a modality whose images hold `kind` (modality/input_kind.h).
InputConfig input_kind(const char* kind);

/// The view as size x size pixels. RGB: antialiased bilinear, padded with the mean colour of ImageNet; labels and masks:
/// nearest, padded with 255 and 0; depth: over known pixels, padded with 0, metres stay metres whatever the scale. Error when
/// the view has no pixel of the image.
StoredImage apply_view(const InputConfig& config, const StoredImage& image, const CropView& view, int size);

/// A map of size x size pixels that a model predicted for the view, at the size of the image; what is outside the view is
/// `unknown`. Of floats bilinear, of labels nearest.
Raster<float> invert_view(const Raster<float>& map, const CropView& view, float unknown);
Raster<uint8_t> invert_view(const Raster<uint8_t>& map, const CropView& view, uint8_t unknown);

}  // namespace fourm
