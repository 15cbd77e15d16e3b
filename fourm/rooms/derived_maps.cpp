#include "fourm/rooms/derived_maps.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"

namespace fourm {
namespace {

using Plane = Raster<float>;  // 1 channel

uint8_t to_byte(double share) { return static_cast<uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0))); }

// The value at a pixel; beyond the edge, that of the nearest pixel.
float at(const Plane& plane, int x, int y) {
  return *plane.at(std::clamp(x, 0, plane.width - 1), std::clamp(y, 0, plane.height - 1));
}

template <class Value>
Plane make_plane(int width, int height, const Value& value) {
  Plane plane(width, height, 1);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) *plane.at(x, y) = value(x, y);
  return plane;
}

Plane blurred(const Plane& plane, double deviation) {
  const int reach = static_cast<int>(std::ceil(3 * deviation));
  std::vector<float> weights(2 * static_cast<size_t>(reach) + 1);
  float sum = 0;
  for (int k = -reach; k <= reach; ++k)
    sum += weights[k + reach] = static_cast<float>(std::exp(-k * k / (2 * deviation * deviation)));
  for (float& weight : weights) weight /= sum;
  const auto pass = [&](const Plane& from, int dx, int dy) {
    return make_plane(from.width, from.height, [&](int x, int y) {
      float total = 0;
      for (int k = -reach; k <= reach; ++k) total += weights[k + reach] * at(from, x + k * dx, y + k * dy);
      return total;
    });
  };
  return pass(pass(plane, 1, 0), 0, 1);
}

// Central differences, in units a pixel.
float along_x(const Plane& plane, int x, int y) { return (at(plane, x + 1, y) - at(plane, x - 1, y)) / 2; }
float along_y(const Plane& plane, int x, int y) { return (at(plane, x, y + 1) - at(plane, x, y - 1)) / 2; }

// The brightness, 0 to 255.
Plane brightness(const Image& rgb) {
  return make_plane(rgb.width, rgb.height, [&](int x, int y) {
    const uint8_t* p = rgb.at(x, y);
    return 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
  });
}

Image texture_edges(const Plane& grey) {
  const Plane smooth = blurred(grey, 1);
  Image edges(grey.width, grey.height, 1);
  for (int y = 0; y < grey.height; ++y)
    for (int x = 0; x < grey.width; ++x)
      *edges.at(x, y) = to_byte(std::hypot(along_x(smooth, x, y), along_y(smooth, x, y)) / 50);
  return edges;
}

// sigma^4 (Lxx Lyy - Lxy^2) of the brightness at scale sigma.
float hessian_determinant(const Plane& smooth, double sigma, int x, int y) {
  const float centre = at(smooth, x, y);
  const float xx = at(smooth, x + 1, y) - 2 * centre + at(smooth, x - 1, y);
  const float yy = at(smooth, x, y + 1) - 2 * centre + at(smooth, x, y - 1);
  const float xy =
      (at(smooth, x + 1, y + 1) - at(smooth, x - 1, y + 1) - at(smooth, x + 1, y - 1) + at(smooth, x - 1, y - 1)) / 4;
  return static_cast<float>(std::pow(sigma, 4)) * (xx * yy - xy * xy);
}

Image keypoints_of(const Plane& grey) {
  Plane strongest(grey.width, grey.height, 1);
  for (const double sigma : {1.2, 2.0, 3.2}) {
    const Plane smooth = blurred(grey, sigma);
    for (int y = 0; y < grey.height; ++y)
      for (int x = 0; x < grey.width; ++x)
        *strongest.at(x, y) = std::max(*strongest.at(x, y), hessian_determinant(smooth, sigma, x, y));
  }
  Image keypoints(grey.width, grey.height, 1);
  for (size_t i = 0; i < keypoints.area(); ++i) keypoints.pixels[i] = to_byte(std::sqrt(strongest.pixels[i]) / 32);
  return keypoints;
}

// The visible surface in the camera's frame: x right, y up, z toward the viewer; metres.
class Surface {
 public:
  explicit Surface(const RoomSample& sample)
      : width_(sample.depth_mm.width), height_(sample.depth_mm.height), points_(area()), normals_(area()) {
    const double tangent = sample.scene.at("camera").at("tangent").get<double>();
    for (int y = 0; y < height_; ++y)
      for (int x = 0; x < width_; ++x) {
        const float depth = 1e-3f * *sample.depth_mm.at(x, y);
        points_[index(x, y)] =
            Vec3{static_cast<float>((2 * (x + 0.5) / width_ - 1) * tangent),
                 static_cast<float>((1 - 2 * (y + 0.5) / height_) * tangent * height_ / width_), -1} *
            depth;
        const uint8_t* n = sample.normal.at(x, y);
        if (depth > 0) normals_[index(x, y)] = normalised({n[0] - 127.5f, n[1] - 127.5f, n[2] - 127.5f});
      }
  }

  int width() const { return width_; }
  int height() const { return height_; }
  bool known(int x, int y) const { return x >= 0 && y >= 0 && x < width_ && y < height_ && points_[index(x, y)].z < 0; }
  Vec3 point(int x, int y) const { return points_[index(x, y)]; }
  Vec3 normal(int x, int y) const { return normals_[index(x, y)]; }

  /// The distance between two neighbours across their surfaces: 0 on one plane, and where two planes meet.
  float jump(int x, int y, int other_x, int other_y) const {
    if (!known(x, y) || !known(other_x, other_y)) return 0;
    const Vec3 d = point(other_x, other_y) - point(x, y);
    return std::min(std::abs(dot(d, normal(x, y))), std::abs(dot(d, normal(other_x, other_y))));
  }

 private:
  size_t area() const { return static_cast<size_t>(width_) * height_; }
  size_t index(int x, int y) const { return static_cast<size_t>(y) * width_ + x; }
  int width_, height_;
  std::vector<Vec3> points_, normals_;
};

template <class Value>
Image strengths(const Surface& surface, const Value& value) {
  Image image(surface.width(), surface.height(), 1);
  for (int y = 0; y < surface.height(); ++y)
    for (int x = 0; x < surface.width(); ++x)
      if (surface.known(x, y)) *image.at(x, y) = to_byte(value(x, y));
  return image;
}

constexpr int kNeighbours[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};

float largest_jump(const Surface& surface, int x, int y) {
  float largest = 0;
  for (const auto& [dx, dy] : kNeighbours) largest = std::max(largest, surface.jump(x, y, x + dx, y + dy));
  return largest;
}

// The principal curvatures, the larger first, from differences of points and normals in both directions of the image; 0 at the
// border of a surface. The shape operator in these tangent vectors is (first form)^-1 (second form).
std::pair<double, double> curvatures(const Surface& surface, int x, int y) {
  constexpr float kLargestJump = 0.05f;  // metres: beyond, the neighbours are of another surface
  for (const auto& [dx, dy] : kNeighbours)
    if (!surface.known(x + dx, y + dy) || surface.jump(x, y, x + dx, y + dy) > kLargestJump) return {0, 0};
  const Vec3 u = surface.point(x + 1, y) - surface.point(x - 1, y),
             v = surface.point(x, y + 1) - surface.point(x, y - 1);
  const Vec3 nu = surface.normal(x + 1, y) - surface.normal(x - 1, y),
             nv = surface.normal(x, y + 1) - surface.normal(x, y - 1);
  const double e = dot(u, u), f = dot(u, v), g = dot(v, v), area = e * g - f * f;
  if (area <= 0) return {0, 0};
  const double l = dot(nu, u), m = (dot(nu, v) + dot(nv, u)) / 2, n = dot(nv, v);
  const double mean = (e * n - 2 * f * m + g * l) / (2 * area), gauss = (l * n - m * m) / area;
  const double spread = std::sqrt(std::max(0.0, mean * mean - gauss));
  return {mean + spread, mean - spread};
}

Image curvature_image(const Surface& surface) {
  Image image(surface.width(), surface.height(), 3);
  for (int y = 0; y < surface.height(); ++y)
    for (int x = 0; x < surface.width(); ++x) {
      if (!surface.known(x, y)) continue;
      const auto [first, second] = curvatures(surface, x, y);
      image.at(x, y)[0] = to_byte((1 + first / (std::abs(first) + 2)) / 2);
      image.at(x, y)[1] = to_byte((1 + second / (std::abs(second) + 2)) / 2);
    }
  return image;
}

Image surface_corners(const Surface& surface) {
  const auto component = [&](float Vec3::*axis) {
    return blurred(
        make_plane(surface.width(), surface.height(), [&](int x, int y) { return surface.normal(x, y).*axis; }),
        1);  // the steps of a slanted edge are no corners
  };
  const Plane normals[] = {component(&Vec3::x), component(&Vec3::y), component(&Vec3::z)};
  const auto products = [&](const auto& first, const auto& second) {
    return blurred(make_plane(surface.width(), surface.height(),
                              [&](int x, int y) {
                                float sum = 0;
                                for (const Plane& n : normals) sum += first(n, x, y) * second(n, x, y);
                                return sum;
                              }),
                   1.5);
  };
  const Plane xx = products(along_x, along_x), xy = products(along_x, along_y), yy = products(along_y, along_y);
  return strengths(surface, [&](int x, int y) {
    const double a = at(xx, x, y), b = at(xy, x, y), c = at(yy, x, y);
    const double smaller = (a + c) / 2 - std::sqrt((a - c) * (a - c) / 4 + b * b);
    return std::sqrt(std::max(0.0, smaller)) / 0.2;
  });
}

}  // namespace

DerivedMaps derive_maps(const RoomSample& sample) {
  const Plane grey = brightness(sample.rgb);
  const Surface surface(sample);
  DerivedMaps maps;
  maps.edge_texture = texture_edges(grey);
  maps.keypoints2d = keypoints_of(grey);
  maps.edge_occlusion =
      strengths(surface, [&](int x, int y) { return 1 - std::exp(-largest_jump(surface, x, y) / 0.2); });
  maps.principal_curvature = curvature_image(surface);
  maps.reshading =
      strengths(surface, [&](int x, int y) { return -dot(surface.normal(x, y), normalised(surface.point(x, y))); });
  maps.keypoints3d = surface_corners(surface);
  return maps;
}

}  // namespace fourm
