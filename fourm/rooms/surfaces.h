// Procedural textures: floors, walls, wall pictures, rugs and the view through a window.
#pragma once

#include "fourm/core/rng.h"
#include "fourm/rooms/geometry.h"

namespace fourm {

struct SurfaceFinish {
  Material material;
  float period = 1;    ///< metres after which the texture repeats
  std::string kind;    ///< "wooden", "tiled", "carpet", "stone"; "plain", "striped", "dotted", "tiled", "brick"
  std::string colour;  ///< by name
};

SurfaceFinish random_floor(Random& random, bool wet);  ///< wet: tiles, for kitchens and bathrooms
SurfaceFinish random_wall(Random& random, bool wet);
// Textures of 256 x 256 texels at most.
std::shared_ptr<const Texture> random_painting(Random& random);
std::shared_ptr<const Texture> random_rug(Random& random);
std::shared_ptr<const Texture> random_outside(Random& random);

/// The name of a linear colour (io/colour_name.h).
std::string colour_name(Vec3 linear);

/// Any hue with the given sRGB saturation and value, in linear light.
Vec3 hsv(double hue_degrees, double saturation, double value);

struct Span {
  double low, high;
};
/// The same with each component sampled from a range, hue first.
Vec3 random_hsv(Random& random, Span hue, Span saturation, Span value);

}  // namespace fourm
