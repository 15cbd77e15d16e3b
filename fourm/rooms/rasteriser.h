// A rasteriser of visible surfaces. A triangle covers the pixel centre with ray d when d lies on the inner side of the three
// planes through the camera and an edge (homogeneous rasterisation: nothing is clipped, coordinates on the surface are
// perspective-correct, and neighbours sharing an edge neither overlap nor leave cracks).
#pragma once

#include <memory>
#include <span>

#include "fourm/rooms/classes.h"
#include "fourm/rooms/geometry.h"

namespace fourm {

/// A mesh in the world: point = rotation * p + offset.
struct SceneObject {
  std::shared_ptr<const Mesh> mesh;
  Mat3 rotation;
  Vec3 offset;
  RoomClass semantic = kOther;
  uint16_t instance = 0;  ///< 0 for walls, floor and ceiling
  Vec3 tint{1, 1, 1};     ///< multiplies colours
  bool casts_shadow = true;
};

struct Camera {
  Vec3 position;
  Mat3 axes;          ///< rows: right, up, back (toward the viewer), of unit length
  float tangent = 1;  ///< of half the horizontal field of view

  /// Looking from one point to another, upright.
  static Camera look(Vec3 from, Vec3 to, float tangent);
  /// The ray (x, y, 1) through a pixel's centre: x right, y up, 1 ahead.
  Vec3 ray(float column, float row, int width, int height) const {
    return {(2 * (column + 0.5f) / width - 1) * tangent, (1 - 2 * (row + 0.5f) / height) * tangent * height / width, 1};
  }
};

/// The visible surface at a pixel. `inverse_depth` is 1 / distance along the camera's axis; 0: there is none.
struct Hit {
  uint32_t object = 0, face = 0;
  float inverse_depth = 0;
  explicit operator bool() const { return inverse_depth > 0; }
};

/// The surface at a hit, in world space.
struct Fragment {
  const SceneObject* object;
  const Material* material;
  Vec3 point;
  Vec3 normal;            ///< smooth, unit length, turned toward the viewer
  Vec3 geometric_normal;  ///< of the triangle, turned toward the viewer
  Vec2 uv;
  float level;  ///< mip level
};

enum class Layer { kAll, kSolid, kGlass, kShadowCasters };

/// A camera and the objects that it sees. It keeps the span: the objects must live longer.
class View {
 public:
  View(std::span<const SceneObject> objects, const Camera& camera);

  const Camera& camera() const { return camera_; }
  /// The nearest surface of a layer at each pixel centre, row by row.
  std::vector<Hit> trace(int width, int height, Layer layer) const;
  /// `ray` is that of the pixel (Camera::ray); `width` of the image in pixels selects the mip level.
  Fragment fragment(const Hit& hit, Vec3 ray, int width) const;
  /// World to camera: x right, y up, z ahead.
  Vec3 to_camera(Vec3 world) const;

 private:
  std::span<const SceneObject> objects_;
  Camera camera_;
  std::vector<std::vector<Vec3>> points_;  // of each object, in camera space
};

}  // namespace fourm
