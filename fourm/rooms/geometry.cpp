#include "fourm/rooms/geometry.h"

#include <algorithm>
#include <array>

#include "fourm/io/image_resize.h"

namespace fourm {

float to_linear(uint8_t value) {
  static const auto table = [] {
    std::array<float, 256> t{};
    for (int i = 0; i < 256; ++i) {
      const double s = i / 255.0;
      t[i] = static_cast<float>(s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4));
    }
    return t;
  }();
  return table[value];
}

uint8_t to_srgb(float linear) {
  const double l = std::clamp(static_cast<double>(linear), 0.0, 1.0);
  return static_cast<uint8_t>(255 * (l <= 0.0031308 ? 12.92 * l : 1.055 * std::pow(l, 1 / 2.4) - 0.055) + 0.5);
}

Texture::Texture(Image rgba) {
  const int widest = std::max(rgba.width, rgba.height);
  if (widest > 256)
    rgba = resize_bilinear(rgba, std::max(1, rgba.width * 256 / widest), std::max(1, rgba.height * 256 / widest));
  finest_ = std::move(rgba);
  for (size_t i = 3; i < finest_.pixels.size(); i += 4) cutout_ |= finest_.pixels[i] < 128;
  Raster<float> level(finest_.width, finest_.height, 3);
  for (size_t i = 0; i < level.area(); ++i)
    for (int c = 0; c < 3; ++c) level.pixels[3 * i + c] = to_linear(finest_.pixels[4 * i + c]);
  levels_.push_back(std::move(level));
  while (levels_.back().width > 1 || levels_.back().height > 1) {
    const auto& fine = levels_.back();
    Raster<float> coarse(std::max(1, fine.width / 2), std::max(1, fine.height / 2), 3);
    for (int y = 0; y < coarse.height; ++y)
      for (int x = 0; x < coarse.width; ++x)
        for (int c = 0; c < 3; ++c) {
          const int x0 = std::min(2 * x, fine.width - 1), x1 = std::min(2 * x + 1, fine.width - 1);
          const int y0 = std::min(2 * y, fine.height - 1), y1 = std::min(2 * y + 1, fine.height - 1);
          coarse.at(x, y)[c] =
              0.25f * (fine.at(x0, y0)[c] + fine.at(x1, y0)[c] + fine.at(x0, y1)[c] + fine.at(x1, y1)[c]);
        }
    levels_.push_back(std::move(coarse));
  }
}

static Vec3 bilinear(const Raster<float>& level, Vec2 at) {
  const float x = at.u * level.width - 0.5f, y = (1 - at.v) * level.height - 0.5f;
  const float fx = std::floor(x), fy = std::floor(y);
  const auto texel = [&](int i, int j) {
    i = (i % level.width + level.width) % level.width;
    j = (j % level.height + level.height) % level.height;
    const float* p = level.at(i, j);
    return Vec3{p[0], p[1], p[2]};
  };
  const int i = static_cast<int>(fx), j = static_cast<int>(fy);
  return lerp(lerp(texel(i, j), texel(i + 1, j), x - fx), lerp(texel(i, j + 1), texel(i + 1, j + 1), x - fx), y - fy);
}

static Vec2 wrapped(Vec2 at) { return {at.u - std::floor(at.u), at.v - std::floor(at.v)}; }

Vec3 Texture::colour(Vec2 at, float level) const {
  at = wrapped(at);
  level = std::clamp(level, 0.0f, static_cast<float>(levels_.size() - 1));
  const int fine = static_cast<int>(level);
  const float t = level - static_cast<float>(fine);
  const Vec3 a = bilinear(levels_[fine], at);
  return t > 0 ? lerp(a, bilinear(levels_[fine + 1], at), t) : a;
}

float Texture::opacity(Vec2 at) const {
  at = wrapped(at);
  const int x = std::min(static_cast<int>(at.u * finest_.width), finest_.width - 1);
  const int y = std::clamp(static_cast<int>((1 - at.v) * finest_.height), 0, finest_.height - 1);
  return finest_.at(x, y)[3] / 255.0f;
}

Box3 Mesh::bounds() const {
  Box3 box{{1e30f, 1e30f, 1e30f}, {-1e30f, -1e30f, -1e30f}};
  for (const Face& face : faces)
    for (const uint32_t p : face.point) {
      box.low = elementwise_min(box.low, points[p]);
      box.high = elementwise_max(box.high, points[p]);
    }
  return faces.empty() ? Box3{} : box;
}

void Mesh::complete_normals() {
  std::vector<Vec3> flat(faces.size());  // length = twice the area
  for (size_t f = 0; f < faces.size(); ++f) {
    const auto& p = faces[f].point;
    flat[f] = cross(points[p[1]] - points[p[0]], points[p[2]] - points[p[0]]);
  }
  std::vector<std::vector<uint32_t>> around(points.size());
  for (size_t f = 0; f < faces.size(); ++f)
    for (int k = 0; k < 3; ++k)
      if (faces[f].normal[k] == Face::kNone) {
        for (const uint32_t p : faces[f].point) around[p].push_back(static_cast<uint32_t>(f));
        break;
      }
  for (size_t f = 0; f < faces.size(); ++f)
    for (int k = 0; k < 3; ++k) {
      if (faces[f].normal[k] != Face::kNone) continue;
      const Vec3 own = normalised(flat[f]);
      Vec3 sum = own * 1e-6f;
      for (const uint32_t other : around[faces[f].point[k]])
        if (dot(normalised(flat[other]), own) > 0.766f) sum += flat[other];
      faces[f].normal[k] = static_cast<uint32_t>(normals.size());
      normals.push_back(normalised(sum));
    }
}

std::optional<float> support_height(const Mesh& mesh, Vec3 centre, Vec3 extent) {
  constexpr int kSide = 5;
  constexpr float kLevel = 0.01f, kNone = -1e9f;
  const Vec3 low = centre - extent * 0.5f, high = centre + extent * 0.5f;
  std::array<float, kSide * kSide> heights;
  heights.fill(kNone);
  for (const Face& face : mesh.faces) {
    const Vec3 a = mesh.points[face.point[0]], u = mesh.points[face.point[1]] - a, v = mesh.points[face.point[2]] - a;
    if (std::max({a.x, a.x + u.x, a.x + v.x}) < low.x || std::min({a.x, a.x + u.x, a.x + v.x}) > high.x ||
        std::max({a.z, a.z + u.z, a.z + v.z}) < low.z || std::min({a.z, a.z + u.z, a.z + v.z}) > high.z)
      continue;
    const float area = u.x * v.z - u.z * v.x;
    if (area == 0) continue;  // upright
    for (int i = 0; i < kSide * kSide; ++i) {
      const float x = low.x + (high.x - low.x) * (i % kSide + 0.5f) / kSide - a.x;
      const float z = low.z + (high.z - low.z) * (i / kSide + 0.5f) / kSide - a.z;
      const float s = (x * v.z - z * v.x) / area, t = (u.x * z - u.z * x) / area;
      if (s >= 0 && t >= 0 && s + t <= 1) heights[i] = std::max(heights[i], a.y + s * u.y + t * v.y);
    }
  }
  const auto [lowest, highest] = std::minmax_element(heights.begin(), heights.end());
  if (*highest - *lowest > kLevel) return std::nullopt;
  return *lowest == kNone ? std::nullopt : std::optional(*highest);
}

std::shared_ptr<const Mesh> stretched(const Mesh& mesh, Vec3 scale) {
  auto copy = std::make_shared<Mesh>(mesh);
  for (Vec3& p : copy->points) p = p * scale;
  for (Vec3& n : copy->normals) n = normalised(n * Vec3{1 / scale.x, 1 / scale.y, 1 / scale.z});
  return copy;
}

}  // namespace fourm
