#include "fourm/rooms/rasteriser.h"

#include <algorithm>

namespace fourm {
namespace {

constexpr float kNear = 0.05f;    // metres
constexpr float kClear = 0.05f;   // materials below this opacity are invisible
constexpr float kOpaque = 0.95f;  // materials above this opacity hide what is behind them

struct Vec3d {
  double x, y, z;
  explicit Vec3d(Vec3 v) : x(v.x), y(v.y), z(v.z) {}
  Vec3d(double a, double b, double c) : x(a), y(b), z(c) {}
};
Vec3d cross(const Vec3d& a, const Vec3d& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
double dot(const Vec3d& a, const Vec3d& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

// Weights of the corners where a ray meets the triangle's plane; they sum to 1 / depth.
struct Weights {
  Vec3d edge[3];
  double inverse;

  Weights(Vec3 a, Vec3 b, Vec3 c)
      : edge{cross(Vec3d(b), Vec3d(c)), cross(Vec3d(c), Vec3d(a)), cross(Vec3d(a), Vec3d(b))} {
    const double volume = dot(Vec3d(a), edge[0]);
    inverse = volume == 0 ? 0 : 1 / volume;
  }
};

bool in_layer(const Material& m, Layer layer) {
  if (m.opacity < kClear) return false;
  const bool solid = m.opacity >= kOpaque;
  return layer == Layer::kAll || (layer == Layer::kGlass) != solid;
}

// The pixels from x0 to x1 and from y0 to y1.
struct PixelRectangle {
  int x0, y0, x1, y1;
  bool empty() const { return x0 > x1 || y0 > y1; }
};

// The part of the screen that a triangle with these corners may cover.
PixelRectangle cut(const PixelRectangle& screen, Vec2 p, Vec2 q, Vec2 r) {
  constexpr float kSlack = 1e-2f;
  const float left = std::min({p.u, q.u, r.u}) - kSlack, right = std::max({p.u, q.u, r.u}) + kSlack;
  const float top = std::min({p.v, q.v, r.v}) - kSlack, bottom = std::max({p.v, q.v, r.v}) + kSlack;
  if (right < 0 || bottom < 0 || left > screen.x1 || top > screen.y1) return {0, 0, -1, -1};
  return {static_cast<int>(std::ceil(std::max(left, 0.0f))), static_cast<int>(std::ceil(std::max(top, 0.0f))),
          static_cast<int>(std::min(right, static_cast<float>(screen.x1))),
          static_cast<int>(std::min(bottom, static_cast<float>(screen.y1)))};
}

// Narrows the columns [first, last] of a row to where slope * x + base may be >= 0, x being the ray's; a column to
// spare.
void narrow(double slope, double base, double tangent, int width, int& first, int& last) {
  if (slope == 0) {
    if (base < 0) last = first - 1;
    return;
  }
  const double column = std::clamp((-base / slope / tangent + 1) * width / 2 - 0.5, -2.0, width + 2.0);
  if (slope > 0)
    first = std::max(first, static_cast<int>(std::floor(column)) - 1);
  else
    last = std::min(last, static_cast<int>(std::ceil(column)) + 1);
}

Vec2 uv_at(const Mesh& mesh, const Face& face, const double (&b)[3]) {
  if (face.uv[0] == Face::kNone || face.uv[1] == Face::kNone || face.uv[2] == Face::kNone) return {};
  Vec2 uv;
  for (int k = 0; k < 3; ++k) {
    uv.u += static_cast<float>(b[k]) * mesh.uvs[face.uv[k]].u;
    uv.v += static_cast<float>(b[k]) * mesh.uvs[face.uv[k]].v;
  }
  return uv;
}

}  // namespace

Camera Camera::look(Vec3 from, Vec3 to, float tangent) {
  const Vec3 back = normalised(from - to);
  const Vec3 right = normalised(fourm::cross({0, 1, 0}, back));
  return {from, {right, fourm::cross(back, right), back}, tangent};
}

View::View(std::span<const SceneObject> objects, const Camera& camera) : objects_(objects), camera_(camera) {
  points_.reserve(objects.size());
  for (const SceneObject& object : objects) {
    auto& points = points_.emplace_back();
    points.reserve(object.mesh->points.size());
    const Mat3 rotation = camera.axes * object.rotation;
    const Vec3 offset = camera.axes * (object.offset - camera.position);
    for (const Vec3 p : object.mesh->points) {
      const Vec3 q = rotation * p + offset;
      points.push_back({q.x, q.y, -q.z});
    }
  }
}

Vec3 View::to_camera(Vec3 world) const {
  const Vec3 q = camera_.axes * (world - camera_.position);
  return {q.x, q.y, -q.z};
}

std::vector<Hit> View::trace(int width, int height, Layer layer) const {
  std::vector<Hit> hits(static_cast<size_t>(width) * height);
  const float scale = width / (2 * camera_.tangent);                                           // pixels a unit of slope
  std::vector<double> columns(static_cast<size_t>(width)), rows(static_cast<size_t>(height));  // of the rays
  for (int x = 0; x < width; ++x) columns[x] = camera_.ray(static_cast<float>(x), 0, width, height).x;
  for (int y = 0; y < height; ++y) rows[y] = camera_.ray(0, static_cast<float>(y), width, height).y;
  std::vector<Vec2> screen;
  for (size_t o = 0; o < objects_.size(); ++o) {
    if (layer == Layer::kShadowCasters && !objects_[o].casts_shadow) continue;
    const Mesh& mesh = *objects_[o].mesh;
    const auto shown = [&](const Material& m) { return in_layer(m, layer); };
    if (std::none_of(mesh.materials.begin(), mesh.materials.end(), shown)) continue;
    const auto& points = points_[o];
    screen.resize(points.size());
    Vec2 low{1e30f, 1e30f}, high{-1e30f, -1e30f};
    bool behind = false;
    for (size_t i = 0; i < points.size(); ++i) {
      const Vec3 p = points[i];
      behind |= p.z < kNear;
      const float w = scale / std::max(p.z, kNear);
      screen[i] = {0.5f * width + p.x * w - 0.5f, 0.5f * height - p.y * w - 0.5f};
      low = {std::min(low.u, screen[i].u), std::min(low.v, screen[i].v)};
      high = {std::max(high.u, screen[i].u), std::max(high.v, screen[i].v)};
    }
    if (!behind && (high.u < 0 || high.v < 0 || low.u > width || low.v > height)) continue;
    for (size_t f = 0; f < mesh.faces.size(); ++f) {
      const Face& face = mesh.faces[f];
      const auto [i, j, k] = face.point;
      const Vec3 a = points[i], b = points[j], c = points[k];
      const int near = (a.z < kNear) + (b.z < kNear) + (c.z < kNear);
      if (near == 3) continue;
      PixelRectangle pixels{0, 0, width - 1, height - 1};
      if (near == 0) pixels = cut(pixels, screen[i], screen[j], screen[k]);  // else the corners are not on the screen
      if (pixels.empty()) continue;
      const Material& material = mesh.materials[face.material];
      if (!in_layer(material, layer)) continue;
      const bool cutout = material.texture && material.texture->cutout();
      const Weights w(a, b, c);
      if (w.inverse == 0) continue;
      const double sign = w.inverse > 0 ? 1 : -1;
      for (int y = pixels.y0; y <= pixels.y1; ++y) {
        double base[3];
        int first = pixels.x0, last = pixels.x1;
        for (int n = 0; n < 3; ++n) {
          base[n] = w.edge[n].y * rows[y] + w.edge[n].z;
          if (last - first > 3) narrow(sign * w.edge[n].x, sign * base[n], camera_.tangent, width, first, last);
        }
        for (int x = first; x <= last; ++x) {
          double e[3];
          for (int n = 0; n < 3; ++n) e[n] = w.edge[n].x * columns[x] + base[n];
          if (!(e[0] * sign >= 0 && e[1] * sign >= 0 && e[2] * sign >= 0)) continue;
          const double sum = e[0] + e[1] + e[2];
          const float inverse_depth = static_cast<float>(sum * w.inverse);
          Hit& hit = hits[static_cast<size_t>(y) * width + x];
          if (inverse_depth <= hit.inverse_depth || inverse_depth > 1 / kNear) continue;
          if (cutout) {
            const double share[3] = {e[0] / sum, e[1] / sum, e[2] / sum};
            if (material.texture->opacity(uv_at(mesh, face, share)) < 0.5f) continue;
          }
          hit = {static_cast<uint32_t>(o), static_cast<uint32_t>(f), inverse_depth};
        }
      }
    }
  }
  return hits;
}

Fragment View::fragment(const Hit& hit, Vec3 ray, int width) const {
  const SceneObject& object = objects_[hit.object];
  const Mesh& mesh = *object.mesh;
  const Face& face = mesh.faces[hit.face];
  const auto& points = points_[hit.object];
  const Vec3 a = points[face.point[0]], b = points[face.point[1]], c = points[face.point[2]];
  const Weights w(a, b, c);
  double share[3], sum = 0;
  for (int k = 0; k < 3; ++k) sum += share[k] = dot(w.edge[k], Vec3d(ray));
  for (double& s : share) s /= sum;

  Fragment out;
  out.object = &object;
  out.material = &mesh.materials[face.material];
  const float depth = 1 / hit.inverse_depth;
  const Mat3 to_world = camera_.axes.transposed();
  out.point = to_world * Vec3{ray.x * depth, ray.y * depth, -depth} + camera_.position;
  const Vec3 view = normalised(camera_.position - out.point);
  const Vec3 across = fourm::cross(b - a, c - a);  // in camera space with z ahead: a mirrored frame
  out.geometric_normal = normalised(to_world * Vec3{across.x, across.y, -across.z});
  if (fourm::dot(out.geometric_normal, view) < 0) out.geometric_normal = -out.geometric_normal;
  Vec3 smooth;
  for (int k = 0; k < 3; ++k) smooth += mesh.normals[face.normal[k]] * static_cast<float>(share[k]);
  out.normal = normalised(object.rotation * smooth);
  if (fourm::dot(out.normal, out.geometric_normal) < 0) out.normal = -out.normal;
  if (fourm::dot(out.normal, view) <= 0 || !(fourm::dot(out.normal, out.normal) > 0.5f))
    out.normal = out.geometric_normal;

  out.uv = uv_at(mesh, face, share);
  out.level = 0;
  if (const Texture* texture = out.material->texture.get(); texture && face.uv[0] != Face::kNone) {
    const Vec2 p = mesh.uvs[face.uv[0]], q = mesh.uvs[face.uv[1]], r = mesh.uvs[face.uv[2]];
    const float texels =
        std::abs((q.u - p.u) * (r.v - p.v) - (q.v - p.v) * (r.u - p.u)) * texture->width() * texture->height();
    const float area = length(across), pixel = 2 * camera_.tangent * depth / width;
    const float facing = std::max(0.1f, fourm::dot(out.geometric_normal, view));
    if (area > 0) out.level = std::max(0.0f, 0.5f * std::log2(std::max(texels / area * pixel * pixel / facing, 1.0f)));
  }
  return out;
}

}  // namespace fourm
