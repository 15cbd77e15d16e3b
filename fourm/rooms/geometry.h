// Vectors, matrices and triangle meshes with materials. Lengths are metres; y points up.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

struct Vec3 {
  float x = 0, y = 0, z = 0;

  Vec3 operator+(Vec3 o) const { return {x + o.x, y + o.y, z + o.z}; }
  Vec3 operator-(Vec3 o) const { return {x - o.x, y - o.y, z - o.z}; }
  Vec3 operator*(Vec3 o) const { return {x * o.x, y * o.y, z * o.z}; }
  Vec3 operator*(float s) const { return {x * s, y * s, z * s}; }
  Vec3 operator-() const { return {-x, -y, -z}; }
  Vec3& operator+=(Vec3 o) { return *this = *this + o; }
};

inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline float length(Vec3 a) { return std::sqrt(dot(a, a)); }
/// Zero stays zero.
inline Vec3 normalised(Vec3 a) {
  const float l = length(a);
  return l > 0 ? a * (1 / l) : a;
}
inline Vec3 lerp(Vec3 a, Vec3 b, float t) { return a * (1 - t) + b * t; }
inline Vec3 elementwise_min(Vec3 a, Vec3 b) { return {std::min(a.x, b.x), std::min(a.y, b.y), std::min(a.z, b.z)}; }
inline Vec3 elementwise_max(Vec3 a, Vec3 b) { return {std::max(a.x, b.x), std::max(a.y, b.y), std::max(a.z, b.z)}; }

struct Vec2 {
  float u = 0, v = 0;
};

/// Rows of a 3x3 matrix.
struct Mat3 {
  Vec3 x{1, 0, 0}, y{0, 1, 0}, z{0, 0, 1};

  Vec3 operator*(Vec3 v) const { return {dot(x, v), dot(y, v), dot(z, v)}; }
  Mat3 transposed() const { return {{x.x, y.x, z.x}, {x.y, y.y, z.y}, {x.z, y.z, z.z}}; }
  Mat3 operator*(const Mat3& o) const {
    const Mat3 t = o.transposed();
    return Mat3{t * x, t * y, t * z};
  }
};

/// Turns +z towards +x by `angle` radians, about y.
inline Mat3 rotation_y(float angle) {
  const float c = std::cos(angle), s = std::sin(angle);
  return {{c, 0, s}, {0, 1, 0}, {-s, 0, c}};
}

/// The axis-aligned box between two corners.
struct Box3 {
  Vec3 low, high;

  Vec3 centre() const { return (low + high) * 0.5f; }
  Vec3 size() const { return high - low; }
  /// `slack` in metres: boxes that overlap by less do not count.
  bool overlaps(const Box3& o, float slack = 0) const {
    return low.x < o.high.x - slack && o.low.x < high.x - slack && low.y < o.high.y - slack &&
           o.low.y < high.y - slack && low.z < o.high.z - slack && o.low.z < high.z - slack;
  }
};

/// sRGB bytes to linear light and back; `linear` is clamped to 0 to 1.
float to_linear(uint8_t value);
uint8_t to_srgb(float linear);
inline Vec3 to_linear(Colour c) { return {to_linear(c[0]), to_linear(c[1]), to_linear(c[2])}; }

/// A repeating texture with its mip levels, in linear light.
class Texture {
 public:
  /// RGBA. An image with a side above 256 pixels is resized, so that its longer side has 256.
  explicit Texture(Image rgba);

  /// Trilinear; (0, 0) is the lower left corner. `level` is the log2 of texels a pixel.
  Vec3 colour(Vec2 at, float level) const;
  /// Nearest texel of the finest level, 0 to 1.
  float opacity(Vec2 at) const;
  bool cutout() const { return cutout_; }  ///< some texels are transparent
  int width() const { return levels_[0].width; }
  int height() const { return levels_[0].height; }

 private:
  std::vector<Raster<float>> levels_;  // 3 channels
  Image finest_;
  bool cutout_ = false;
};

struct Material {
  std::string name;
  Vec3 colour{0.8f, 0.8f, 0.8f};  ///< linear; multiplies nothing when there is a texture
  Vec3 emission;                  ///< emitted linear light
  float opacity = 1;
  float specular = 0;    ///< strength of the highlight
  float shininess = 20;  ///< Blinn-Phong exponent
  std::shared_ptr<const Texture> texture;
  bool wood = false;  ///< by its name
};

struct Face {
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  uint32_t point[3], normal[3], uv[3];  ///< uv may be kNone
  uint32_t material;
};

struct Mesh {
  std::vector<Vec3> points, normals;
  std::vector<Vec2> uvs;
  std::vector<Face> faces;
  std::vector<Material> materials;

  Box3 bounds() const;  ///< of the points that faces use
  /// Computes the normals of corners without one (index kNone): the mean over adjacent faces within 40 degrees.
  void complete_normals();
};

/// The height of the surface that supports an object whose footprint has this centre and extent (x and z, metres): that of the
/// highest faces below it. Nothing where these are not horizontal.
std::optional<float> support_height(const Mesh& mesh, Vec3 centre, Vec3 extent);

/// A copy stretched along the axes, normals included; negative factors mirror.
std::shared_ptr<const Mesh> stretched(const Mesh& mesh, Vec3 scale);

}  // namespace fourm
