#include "fourm/rooms/shading.h"

#include <algorithm>

namespace fourm {
namespace {

// The share of the key light that reaches a point. The light is far away, so its rays are nearly parallel.
class Shadows {
 public:
  Shadows(std::span<const SceneObject> objects, const Lighting& light, Vec3 centre, float radius)
      : view_(objects, Camera::look(centre + light.key_from * kDistance, centre, 1.1f * radius / kDistance)),
        hits_(view_.trace(kSide, kSide, Layer::kShadowCasters)),
        softness_(light.softness) {}

  float reach(const Fragment& f, int pattern) const {
    // Twelve places on a disc, three for each of the four samples of a pixel.
    static constexpr float kDisc[12][2] = {{0.1f, 0.2f},   {-0.7f, 0.5f}, {0.6f, -0.7f}, {-0.2f, -0.4f},
                                           {0.9f, 0.3f},   {-0.4f, 0.9f}, {0.4f, 0.1f},  {-0.9f, -0.3f},
                                           {0.2f, -0.95f}, {-0.1f, 0.5f}, {0.5f, 0.8f},  {-0.5f, -0.8f}};
    const Vec3 p = view_.to_camera(f.point + f.geometric_normal * 0.012f);
    const float scale = kSide / (2 * view_.camera().tangent) / p.z;
    float lit = 0;
    for (int k = pattern; k < 12; k += 4) {
      const int x = static_cast<int>(0.5f * kSide + (p.x + kDisc[k][0] * softness_) * scale);
      const int y = static_cast<int>(0.5f * kSide - (p.y + kDisc[k][1] * softness_) * scale);
      const bool outside = x < 0 || y < 0 || x >= kSide || y >= kSide;
      const Hit hit = outside ? Hit{} : hits_[static_cast<size_t>(y) * kSide + x];
      lit += !hit || p.z < 1 / hit.inverse_depth + 0.01f;
    }
    return lit / 3;
  }

 private:
  static constexpr int kSide = 512;
  static constexpr float kDistance = 40;
  View view_;
  std::vector<Hit> hits_;
  float softness_;
};

// Ambient occlusion of a fragment from the depths around it on the screen.
float openness(const View& view, const std::vector<Hit>& hits, int width, const Fragment& f, int pattern) {
  static constexpr float kReach = 0.4f;  // metres
  const float scale = width / (2 * view.camera().tangent);
  float open = 0;
  constexpr int kTaps = 6;
  for (int k = 0; k < kTaps; ++k) {
    const int n = 4 * k + pattern;  // a spiral over the half sphere
    const float y = (n + 0.5f) / (4 * kTaps), r = std::sqrt(1 - y * y), angle = 2.399963f * static_cast<float>(n);
    Vec3 d{r * std::cos(angle), y, r * std::sin(angle)};
    if (dot(d, f.normal) < 0) d = -d;
    d = normalised(d + f.normal * 0.5f) * (kReach * (0.2f + 0.8f * static_cast<float>(n * 7 % 24) / 24));
    const Vec3 p = view.to_camera(f.point + f.geometric_normal * 0.01f + d);
    if (p.z < 0.05f) {
      open += 1;
      continue;
    }
    const int x = static_cast<int>(0.5f * width + p.x * scale / p.z),
              row = static_cast<int>(0.5f * width - p.y * scale / p.z);
    if (x < 0 || row < 0 || x >= width || row >= width) {
      open += 1;
      continue;
    }
    const Hit& hit = hits[static_cast<size_t>(row) * width + x];
    const float gap = hit ? p.z - 1 / hit.inverse_depth : 0;
    open += gap < 0.02f ? 1 : std::clamp((gap - kReach) / kReach, 0.0f, 1.0f);
  }
  return open / kTaps;
}

// Compresses bright values and keeps dark ones.
float tone(float x) { return x < 0.7f ? x : 0.7f + 0.3f * (1 - std::exp(-(x - 0.7f) / 0.3f)); }

}  // namespace

Vec3 albedo(const Fragment& f) {
  const Vec3 base = f.material->texture ? f.material->texture->colour(f.uv, f.level) : f.material->colour;
  return base * f.object->tint;
}

Image render_colour(const View& view, std::span<const SceneObject> objects, const Lighting& light, Vec3 centre,
                    float radius, int size) {
  const Shadows shadows(objects, light, centre, radius);
  const int fine = 2 * size;
  const auto solid = view.trace(fine, fine, Layer::kSolid), glass = view.trace(fine, fine, Layer::kGlass);
  const auto shade = [&](const Fragment& f, int pattern, float open) {
    const Vec3 n = f.normal, base = albedo(f), to_eye = normalised(view.camera().position - f.point);
    const Vec3 fill = lerp(light.ambient_floor, light.ambient_ceiling, 0.5f + 0.5f * n.y) * open;
    const float facing = std::max(0.0f, dot(n, light.key_from));
    const float reach = facing > 0 ? shadows.reach(f, pattern) : 0;
    const Vec3 to_lamp = light.lamp_at - f.point;
    const float far = dot(to_lamp, to_lamp);
    const Vec3 lamp = light.lamp * (std::max(0.0f, dot(n, normalised(to_lamp))) / (0.6f + far) * (0.5f + 0.5f * open));
    Vec3 out = base * (fill + light.key * (facing * reach) + lamp) + f.material->emission;
    if (f.material->specular > 0 && reach > 0) {
      const float peak = std::pow(std::max(0.0f, dot(n, normalised(light.key_from + to_eye))), f.material->shininess);
      out += light.key * (0.35f * f.material->specular * peak * reach);
    }
    return out;
  };
  std::vector<Vec3> sum(static_cast<size_t>(size) * size);
  for (int y = 0; y < fine; ++y)
    for (int x = 0; x < fine; ++x) {
      const size_t i = static_cast<size_t>(y) * fine + x;
      const int pattern = 2 * (y & 1) + (x & 1);
      const Vec3 ray = view.camera().ray(static_cast<float>(x), static_cast<float>(y), fine, fine);
      Vec3 colour;
      if (solid[i]) {
        const Fragment f = view.fragment(solid[i], ray, fine);
        colour = shade(f, pattern, openness(view, solid, fine, f, pattern));
      }
      if (glass[i].inverse_depth > solid[i].inverse_depth) {
        const Fragment f = view.fragment(glass[i], ray, fine);
        colour = lerp(colour, shade(f, pattern, 1), f.material->opacity);
      }
      sum[static_cast<size_t>(y / 2) * size + x / 2] += colour * 0.25f;
    }
  Image image(size, size, 3);
  for (size_t i = 0; i < sum.size(); ++i) {
    image.pixels[3 * i] = to_srgb(tone(sum[i].x));
    image.pixels[3 * i + 1] = to_srgb(tone(sum[i].y));
    image.pixels[3 * i + 2] = to_srgb(tone(sum[i].z));
  }
  return image;
}

}  // namespace fourm
