// Segment-anything instances as token strings: query points, each with the outlines found there (4M-21; the
// original's fourm/data/modality_transforms.py). Coordinates are pixels of an image of kSamSide.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace fourm {

inline constexpr int kSamSide = 224;  ///< pixels per side of the image that coordinates lie in

struct SamInstance {
  std::array<double, 4> box{};       ///< xmin, ymin, xmax, ymax
  std::array<double, 16> outline{};  ///< tokens of the outline inside the box, 0..1023
};

struct SamPoint {
  double x = 0, y = 0;
  std::vector<SamInstance> instances;
};

/// "point v0=<y> v1=<x>", then "none" or "polygon", box and outline for each instance.
std::string sam_to_string(const std::vector<SamPoint>& points);

/// The instances that are whole and have a box of positive size, in any text. Never throws.
std::vector<SamPoint> sam_from_string(std::string_view text);

}  // namespace fourm
