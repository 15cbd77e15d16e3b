// What a tokenizer sees of a picture, and the way back: RGB, grey and normals to [-1, 1], depth to a log scale in
// [-1, 1] (or standardised as the official tokenizers expect), masks to 0 and 1, labels to class ids, feature maps as
// they are. The settings stand in a tokenizer's config.json under "input".
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

struct InputConfig {
  std::string kind = "rgb";
  double depth_unit = 0.001;
  double near = 0.5, far = 12;
  bool standardise = false;
  int64_t label_offset = 0, features = 0;

  template <class V>
  void fields(V& v) {
    v("kind", kind, "rgb, grey, normal, depth, semseg, mask or features");
    if (kind == "depth") {
      v("depth_unit", depth_unit, "metres per unit of the 16-bit picture");
      v("near", near, "metres that become -1 on the log scale");
      v("far", far, "metres that become 1; pixels without depth (0) count as far");
      v("standardise", standardise, "instead: minus mean, over deviation, of the middle 80 % of each picture");
    }
    if (kind == "semseg") v("label_offset", label_offset, "added to stored labels, modulo 256 (COCO: 1)");
    if (kind == "features") v("features", features, "numbers a position");
  }
  bool has_labels() const { return kind == "semseg"; }
  bool has_features() const { return kind == "features"; }
  int64_t channels() const {  ///< of what the network sees; not for labels
    if (has_features()) return features;
    return kind == "depth" || kind == "grey" || kind == "mask" ? 1 : 3;
  }
  /// Error naming `origin` on an unknown kind or an impossible range.
  void validate(const std::string& origin) const;
};

/// A picture as stored: RGB, normals (8 bits, three channels), grey, labels, masks (8 bits, one channel), depth (16
/// bits) or features (one vector a position).
using StoredPicture = std::variant<Image, Raster<uint16_t>, Raster<float>>;

/// A picture file of this kind. Depth: 16-bit PNG, or .npy of metres [H, W]. Masks: what is brighter than half is 1.
/// Features: .npy [C, h, w], or [C] for one position. NaN and infinity are Errors.
StoredPicture decode_picture(const InputConfig& config, std::string_view bytes, const std::string& origin);
StoredPicture read_picture(const InputConfig& config, const fs::path& path);
/// What of a stored picture is taken: a rectangle in its pixels, perhaps mirrored left to right.
struct Cut {
  int left = 0, top = 0, width = 0, height = 0;
  bool flip = false;
};

/// The cut, resized to size x size whatever its shape (labels: nearest, else antialiased bilinear). A mirrored normal
/// map has its x turned round. Error when the cut is not inside the picture.
StoredPicture cut_square(const InputConfig& config, const StoredPicture& picture, const Cut& cut, int size);
/// The largest square in the middle, resized to size x size (labels: nearest, else antialiased bilinear). Features stay
/// as they are.
StoredPicture centre_square(const InputConfig& config, const StoredPicture& picture, int size);
int picture_width(const StoredPicture& picture);
int picture_height(const StoredPicture& picture);

/// Network input as [C, H, W] floats; `flip` mirrors left and right, normals included. Not for labels.
void to_network(const InputConfig& config, const StoredPicture& picture, bool flip, float* out);
/// Class ids [H, W].
void to_labels(const InputConfig& config, const StoredPicture& picture, bool flip, int64_t* out);

/// The way back from [C, H, W] floats, clamped to what can be stored; normals are scaled to unit length. Standardised
/// depth has no scale: its range becomes the whole 16-bit range.
StoredPicture from_network(const InputConfig& config, const float* values, int width, int height);
StoredPicture from_labels(const InputConfig& config, const int64_t* labels, int width, int height);

/// A stored depth map in metres.
Raster<float> depth_in_metres(const InputConfig& config, const StoredPicture& picture);

/// As a file: PNG in the stored form (16-bit depth, palette labels), .npy for features.
std::string encode_picture(const InputConfig& config, const StoredPicture& picture);
const char* picture_extension(const InputConfig& config);  ///< of such a file: ".png" or ".npy"
/// For the eye: depth by a colour map from near (warm) to far (cold), labels by their palette, features by their
/// principal components.
Image display(const InputConfig& config, const StoredPicture& picture);

/// 256 distinct colours, black first (the bit pattern of PASCAL VOC).
const std::vector<Colour>& label_palette();

}  // namespace fourm
