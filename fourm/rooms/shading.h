// Shading: a key light with soft shadows, a lamp, and ambient light with occlusion.
#pragma once

#include "fourm/rooms/rasteriser.h"

namespace fourm {

struct Lighting {
  Vec3 key_from{0.3f, 0.9f, 0.3f};  ///< unit vector toward the light
  Vec3 key{0.6f, 0.57f, 0.52f};     ///< linear colours
  Vec3 ambient_ceiling{0.42f, 0.43f, 0.45f},
      ambient_floor{0.22f, 0.2f, 0.18f};  ///< fill from the ceiling and from the floor
  Vec3 lamp_at;
  Vec3 lamp;               ///< falls off with the distance in metres
  float softness = 0.05f;  ///< radius of shadow edges in metres
};

/// Linear colour of a fragment's surface before light.
Vec3 albedo(const Fragment& fragment);

/// sRGB image of the scene; each pixel is the mean of 2 x 2 samples. `centre` and `radius` are a sphere around the
/// shadow casters.
Image render_colour(const View& view, std::span<const SceneObject> objects, const Lighting& light, Vec3 centre,
                    float radius, int size);

}  // namespace fourm
