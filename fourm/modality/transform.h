// Conversion of stored images to network inputs of a tokenizer, and back. RGB, grey and normals become [-1, 1], depth a log
// scale in [-1, 1] (or standardised as the official tokenizers expect), masks 0 and 1, labels class ids. Feature maps are
// not changed. The settings are in a tokenizer's config.json under "input".
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "fourm/core/config.h"
#include "fourm/modality/depth.h"
#include "fourm/modality/input_kind.h"
#include "fourm/modality/known_pixels.h"

namespace fourm {

struct InputConfig {
  std::string kind = "rgb";
  double near = 0.5, far = 12;
  bool standardise = false;
  int64_t label_offset = 0, features = 0;

  template <class V>
  void fields(V& v) {
    v("kind", kind, "what an image holds", OneOf{image_kinds()});
    if (v.applies(kind == "depth")) {
      v("near", near, "metres that become -1 on the log scale");
      v("far", far, "metres that become 1");
      v("standardise", standardise, "instead: minus mean, over deviation, of the middle 80 % of each image");
    }
    if (v.applies(kind == "semseg")) v("label_offset", label_offset, "added to stored labels, modulo 256 (COCO: 1)");
    if (v.applies(kind == "features")) v("features", features, "channels of a position", Range{0, 1 << 16});
  }
  /// Removes `depth_unit` of older configurations: the unit is stated by the data set (modality/depth.h). Error where it
  /// would matter.
  static void migrate(YAML::Node& node, const std::string& origin);
  bool operator==(const InputConfig&) const = default;
  bool has_labels() const { return kind == "semseg"; }
  /// The label 255 (none) is a separate class of the tokenizer, number label_offset - 1.
  bool none_is_a_class() const { return has_labels() && label_offset > 0; }
  bool has_features() const { return kind == "features"; }
  int64_t channels() const {  ///< of the network input; not for labels
    if (has_features()) return features;
    return kind == "depth" || kind == "grey" || kind == "mask" ? 1 : 3;
  }
  /// Error naming `origin` on an unknown kind or an impossible range.
  void validate(const std::string& origin) const;
};

/// An image as stored: RGB, normals (8 bits, three channels), grey, labels, masks (8 bits, one channel), depth (metres,
/// 0 = unknown; of tokenizers that standardise it also standard deviations, known by a value below 0) or features (one
/// vector per position).
using StoredImage = std::variant<Image, Raster<float>>;

/// Decodes an image file of this kind. Depth: see decode_depth; `depth_unit`: from DepthUnits; where depth is standardised,
/// also files that encode_stored_image wrote. RGB and normals: a 16-bit grey PNG is an Error, because it holds depth. Masks:
/// pixels brighter than half are 1. Features: .npy [C, h, w], or [C] for one position, of finite numbers.
StoredImage decode_stored_image(const InputConfig& config, std::string_view bytes, const std::string& origin,
                                std::optional<double> depth_unit = {});
StoredImage read_stored_image(const InputConfig& config, const fs::path& path, const DepthUnits& units = DepthUnits());

/// Known pixels. Depth: those above 0. Normals: those that are not black and have a length of at least 0.1. Labels: those
/// other than 255. Other kinds: all pixels.
KnownPixels known_pixels(const InputConfig& config, const StoredImage& image);

/// A rectangle in the pixels of a stored image, which may be mirrored left to right.
struct Cut {
  int left = 0, top = 0, width = 0, height = 0;
  bool flip = false;
};

/// The cut, resized to size x size whatever its shape. Labels and masks: nearest; depth, and normals with unknown pixels:
/// antialiased bilinear over known pixels (resize_known); others: bicubic (resize_bicubic). Mirroring a normal map negates
/// x. Error when the cut is not inside the image.
StoredImage cut_square(const InputConfig& config, const StoredImage& image, const Cut& cut, int size);
/// The largest square in the middle, resized to size x size as by cut_square. Features are not changed.
StoredImage centre_square(const InputConfig& config, const StoredImage& image, int size);
int width_of(const StoredImage& image);
int height_of(const StoredImage& image);

/// Network input as [C, H, W] floats; `flip` mirrors left and right, normals included. Unknown pixels have the value of
/// the nearest known one. Without known pixels, depth is `far` and normals are 0. Not for labels.
void to_network(const InputConfig& config, const StoredImage& image, bool flip, float* out);
/// Class ids [H, W]. Label 255 becomes the class for none if there is one (label_offset), else the nearest known label,
/// or label 0 where nothing is known.
void to_labels(const InputConfig& config, const StoredImage& image, bool flip, int64_t* out);

/// The stored image of a network output [C, H, W], clamped to the range that can be stored. Normals are scaled to unit
/// length. Standardised depth is not changed: it is in standard deviations from the mean of its image, and its metres are
/// not known.
StoredImage from_network(const InputConfig& config, const float* values, int width, int height);
StoredImage from_labels(const InputConfig& config, const int64_t* labels, int width, int height);

/// Depth of a tokenizer that standardises it, minus the mean, over the standard deviation, of the middle 80 % of its
/// known pixels.
Raster<float> standardised_depth(const InputConfig& config, const StoredImage& image, const KnownPixels& known = {});

/// The bytes of a file: PNG (depth: 16 bits, millimetres; labels: a palette); .npy for features, standardised depth, and
/// depth of a tokenizer whose `far` is above kMostPngMetres.
std::string encode_stored_image(const InputConfig& config, const StoredImage& image);
const char* stored_extension(const InputConfig& config);  ///< of such a file: ".png" or ".npy"
/// How its name ends beside a token file: ".png", "_features.npy", "_depth.npy" or, in that unit, "_standardised.npy".
std::string stored_suffix(const InputConfig& config);
/// An image to look at: depth by a colour map from near (warm) to far (cold), unknown depth black, labels by their palette,
/// features by their principal components.
Image display(const InputConfig& config, const StoredImage& image);

/// 256 distinct colours, black first (the bit pattern of PASCAL VOC).
const std::vector<Colour>& label_palette();

}  // namespace fourm
