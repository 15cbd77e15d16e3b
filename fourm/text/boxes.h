// Bounding boxes as strings: "v0=17 v1=40 v2=203 v3=999 teddy bear v0=..." (paper appendix B.2; the original's
// fourm/data/modality_transforms.py).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/rng.h"

namespace fourm {

/// Corners relative to the image, (0, 0) its top left and (1, 1) its bottom right.
struct LabelledBox {
  double xmin = 0, ymin = 0, xmax = 0, ymax = 0;
  std::string class_name;
  double score = 1;
};
/// Fraction of the image; 0 for corners that are the wrong way round.
double area(const LabelledBox& box);

/// What of an image is shown: a crop in pixels of the original, then perhaps mirrored left to right.
struct CropView {
  double height = 0, width = 0;  ///< of the original
  double top = 0, left = 0, crop_height = 0, crop_width = 0;
  bool flip = false;
};

enum class BoxOrder { kDistanceToOrigin, kArea, kScore, kRandom };

/// dist_to_orig (nearest first), area, score (largest first) or random.
BoxOrder parse_box_order(std::string_view name);

struct BoxOptions {
  double threshold = 0.6;                ///< lowest score
  std::optional<int64_t> max_instances;  ///< the best scores stay
  BoxOrder order = BoxOrder::kDistanceToOrigin;
  double min_visibility = 0;  ///< smallest fraction of a box inside the crop
};

/// The box as seen in the view, clipped; nothing when less than `min_visibility` of it, or no area, is inside.
std::optional<LabelledBox> view_box(LabelledBox box, const CropView& view, double min_visibility = 0);

/// The boxes as seen in the view, clipped, chosen and ordered. `random` is drawn from for BoxOrder::kRandom only.
std::vector<LabelledBox> view_boxes(const std::vector<LabelledBox>& boxes, const CropView& view,
                                    const BoxOptions& options, Random& random);

/// Coordinates are rounded half to even to 0..bins-1. No boxes give "".
std::string boxes_to_string(const std::vector<LabelledBox>& boxes, int64_t bins = 1000);

/// The well-formed boxes of any text; the rest is ignored. A box is "v0=" and three more words with "=" and a number
/// (read_decimal), then its class. Class names are taken as they stand; scores are 1.
std::vector<LabelledBox> boxes_from_string(std::string_view text, int64_t bins = 1000);

}  // namespace fourm
