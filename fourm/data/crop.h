// One crop and flip for all modalities of a sample (the original's fourm/data/image_augmenter.py and
// save_vq_tokens.py). A crop is CropView (text/boxes.h); boxes follow by view_boxes, images by cut_square.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fourm/core/rng.h"
#include "fourm/io/npy.h"
#include "fourm/modality/transform.h"
#include "fourm/text/boxes.h"

namespace fourm {

/// The largest square in the middle.
CropView centre_view(int width, int height);

struct CropOptions {
  double min_scale = 0.8, max_scale = 1;         ///< of the crop's area to the image's
  double min_ratio = 0.75, max_ratio = 4.0 / 3;  ///< of width to height, before the crop becomes a square
  double flip = 0.5;                             ///< how often it is mirrored
};

/// A random resized crop: area and ratio (its logarithm) are drawn uniformly, whole pixels.
CropView random_view(int width, int height, const CropOptions& options, Random& random);

/// `count` crops: the first is the centre, not mirrored; the others are random.
std::vector<CropView> draw_views(int width, int height, int64_t count, const CropOptions& options, Random random);

Cut to_cut(const CropView& view);

/// crop_settings files: [crops, 5] = top, left, height, width, flip in pixels of the image. They do not hold the size of
/// the image. Without `size` it is computed from row 0, the crop in the middle, and may be one pixel too small.
NpyArray encode_crop_settings(const std::vector<CropView>& views);
std::vector<CropView> decode_crop_settings(std::string_view bytes, const std::string& origin,
                                           const std::optional<ImageSize>& size = std::nullopt);

/// A text about the mirrored image: left and right change places, also in leftmost and rightmost.
std::string mirror_words(const std::string& text);

}  // namespace fourm
