// What the colours of a map stand for, written below it.
#pragma once

#include <string>
#include <vector>

#include "fourm/io/image.h"
#include "fourm/modality/transform.h"

namespace fourm {

struct LegendEntry {
  Colour colour{};
  std::string name;
  bool operator==(const LegendEntry&) const = default;
};

inline constexpr double kLegendShare = 0.01;  ///< of the pixels, which a class in a legend has at least

/// The classes of a label map that cover at least kLegendShare of it, the largest first, in the colours of
/// label_palette(). A class without a name has its number; 255 is "none".
std::vector<LegendEntry> label_legend(const Raster<uint8_t>& labels, const std::vector<std::string>& names);

/// The image (3 channels) resized to `width` and its height to the same proportion, with the entries in lines below it.
Image draw_legend(const Image& image, const std::vector<LegendEntry>& entries, int width);

/// A label map in colours, with its legend.
Image draw_labels(const Raster<uint8_t>& labels, const std::vector<std::string>& names, int width);

/// A depth map in colours, with a bar of the colours below it: from `near` to `far` of the input in metres, on a log
/// scale; of depth without a scale from "near" to "far".
Image draw_depth(const InputConfig& input, const StoredImage& depth, int width);

/// A map of any kind for a figure: labels with their legend, depth with its scale, others in colours alone.
Image draw_map(const InputConfig& input, const StoredImage& map, const std::vector<std::string>& names, int width);

}  // namespace fourm
