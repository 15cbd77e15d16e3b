#include "fourm/rooms/surfaces.h"

#include <algorithm>
#include <functional>

#include "fourm/io/colour_name.h"

namespace fourm {
namespace {

constexpr int kSide = 128;

// Smooth noise of the given number of cells a period, -1 to 1, repeating.
class Noise {
 public:
  Noise(Random& random, int cells_x, int cells_y) : grid_(cells_x, cells_y, 1) {
    for (float& v : grid_.pixels) v = static_cast<float>(random.uniform(-1, 1));
  }
  float at(float u, float v) const {
    const float x = u * grid_.width, y = v * grid_.height;
    const int i = static_cast<int>(x), j = static_cast<int>(y);
    const auto ease = [](float t) { return t * t * (3 - 2 * t); };
    const float s = ease(x - i), t = ease(y - j);
    const auto g = [&](int a, int b) { return *grid_.at(a % grid_.width, b % grid_.height); };
    return (g(i, j) * (1 - s) + g(i + 1, j) * s) * (1 - t) + (g(i, j + 1) * (1 - s) + g(i + 1, j + 1) * s) * t;
  }

 private:
  Raster<float> grid_;
};

// A texture from a function of (u, v) in [0, 1) with v downward, in linear light.
std::shared_ptr<const Texture> paint(const std::function<Vec3(float, float)>& colour) {
  Image image(kSide, kSide, 4, 255);
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const Vec3 c = colour((x + 0.5f) / kSide, (y + 0.5f) / kSide);
      uint8_t* p = image.at(x, y);
      p[0] = to_srgb(c.x);
      p[1] = to_srgb(c.y);
      p[2] = to_srgb(c.z);
    }
  return std::make_shared<Texture>(std::move(image));
}

float part(float x) { return x - std::floor(x); }

SurfaceFinish finished(std::string kind, float period, Vec3 base, const std::function<Vec3(float, float)>& colour) {
  SurfaceFinish finish;
  finish.material.texture = paint(colour);
  finish.material.name = kind;
  finish.kind = std::move(kind);
  finish.period = period;
  finish.colour = colour_name(base);
  return finish;
}

SurfaceFinish planks(Random& random) {
  const Vec3 base = random_hsv(random, {18, 38}, {0.3, 0.65}, {0.3, 0.8});
  const Noise grain(random, 3, 64), tone(random, 5, 8);
  std::vector<float> shift(8), shade(8);
  for (int i = 0; i < 8; ++i) {
    shift[i] = static_cast<float>(random.uniform());
    shade[i] = static_cast<float>(random.uniform(0.85, 1.12));
  }
  auto finish = finished("wooden", static_cast<float>(random.uniform(0.9, 1.5)), base, [&](float u, float v) {
    const int row = static_cast<int>(v * 8);
    const float along = part(u + shift[row]), edge = std::min(part(v * 8), 1 - part(v * 8));
    const float gap = edge < 0.04f || std::min(along, 1 - along) < 0.006f ? 0.55f : 1.0f;
    return base * (shade[row] * gap * (1 + 0.13f * grain.at(along, v) + 0.06f * tone.at(u, v)));
  });
  finish.material.specular = static_cast<float>(random.uniform(0, 0.3));
  finish.material.wood = true;
  return finish;
}

SurfaceFinish tiles(Random& random, bool floor) {
  const double hue = random.uniform(0, 360);
  const Vec3 base = random_hsv(random, {hue, hue}, {0.0, floor ? 0.25 : 0.4}, {floor ? 0.35 : 0.6, 0.95});
  const Vec3 other = random.chance(0.3) ? random_hsv(random, {hue + 20, hue + 20}, {0, 0.3}, {0.25, 0.9}) : base;
  const Vec3 grout = base * static_cast<float>(random.uniform(0.35, 0.75));
  const Noise tone(random, 16, 16);
  const int across = random.chance(0.5) ? 4 : 2, down = random.chance(0.3) ? 2 * across : across;
  auto finish = finished("tiled", static_cast<float>(random.uniform(0.6, 1.3)), base, [&](float u, float v) {
    const float x = u * across, y = v * down;
    const float ex = std::min(part(x), 1 - part(x)) / across, ey = std::min(part(y), 1 - part(y)) / down;
    if (std::min(ex, ey) < 0.012f) return grout;
    const bool odd = (static_cast<int>(x) + static_cast<int>(y)) & 1;
    return (odd ? other : base) * (1 + 0.05f * tone.at(u, v));
  });
  finish.material.specular = 0.3f;
  return finish;
}

SurfaceFinish speckled(Random& random, const char* kind, Vec3 base, float strength) {
  const Noise fine(random, 64, 64), broad(random, 6, 6);
  return finished(kind, 1.6f, base, [&](float u, float v) {
    return base * (1 + strength * fine.at(u, v) + 0.5f * strength * broad.at(u, v));
  });
}

SurfaceFinish bricks(Random& random) {
  const Vec3 base = random.chance(0.5) ? random_hsv(random, {5, 22}, {0.4, 0.65}, {0.45, 0.7})
                                       : random_hsv(random, {30, 30}, {0, 0.15}, {0.75, 0.95});
  const Vec3 mortar = hsv(40, 0.08, random.uniform(0.6, 0.85));
  const Noise tone(random, 8, 16), fine(random, 50, 50);
  return finished("brick", 1.0f, base, [&](float u, float v) {
    const float y = v * 12, x = u * 4 + 0.5f * static_cast<float>(static_cast<int>(y) & 1);
    if (part(y) < 0.14f || part(x) < 0.05f) return mortar;
    return base * (1 + 0.18f * tone.at(u, v) + 0.08f * fine.at(u, v));
  });
}

Vec3 wall_colour(Random& random) {
  const double saturation = random.chance(0.45) ? random.uniform(0, 0.08) : random.uniform(0.12, 0.5);
  return random_hsv(random, {0, 360}, {saturation, saturation}, {0.68, 0.97});
}

}  // namespace

Vec3 hsv(double hue, double s, double v) {
  const auto channel = [&](double n) {
    const double k = std::fmod(n + hue / 60 + 12, 6.0);
    const double value = v - v * s * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
    return to_linear(static_cast<uint8_t>(value * 255 + 0.5));
  };
  return {channel(5), channel(3), channel(1)};
}

Vec3 random_hsv(Random& random, Span hue, Span saturation, Span value) {
  const double h = random.uniform(hue.low, hue.high), s = random.uniform(saturation.low, saturation.high);
  return hsv(h, s, random.uniform(value.low, value.high));
}

std::string colour_name(Vec3 linear) {
  return std::string(colour_name(Colour{to_srgb(linear.x), to_srgb(linear.y), to_srgb(linear.z)}));
}

SurfaceFinish random_floor(Random& random, bool wet) {
  const double draw = random.uniform();
  if (wet ? draw < 0.8 : draw < 0.15) return tiles(random, true);
  if (wet || draw < 0.65) return planks(random);
  if (draw < 0.9) {
    const Vec3 base = random_hsv(random, {0, 360}, {0, 0.45}, {0.3, 0.8});
    return speckled(random, "carpet", base, 0.22f);
  }
  return speckled(random, "stone", random_hsv(random, {40, 40}, {0, 0.12}, {0.4, 0.8}), 0.08f);
}

SurfaceFinish random_wall(Random& random, bool wet) {
  const double draw = random.uniform();
  if (wet && draw < 0.6) return tiles(random, false);
  if (draw < 0.05) return bricks(random);
  const Vec3 base = wall_colour(random);
  const Vec3 second = base * static_cast<float>(random.uniform(0.72, 0.9));
  if (draw > 0.85) {
    const int stripes = static_cast<int>(random.between(3, 8));
    return finished("striped", 1.2f, base,
                    [&](float u, float) { return part(u * static_cast<float>(stripes)) < 0.5f ? base : second; });
  }
  if (draw > 0.78)
    return finished("dotted", 0.8f, base, [&](float u, float v) {
      const float x = u * 4, y = v * 8 + 0.5f * static_cast<float>(static_cast<int>(u * 4) & 1) * 1.0f;
      return std::hypot(part(x) - 0.5f, 0.5f * (part(y) - 0.5f)) < 0.17f ? second : base;
    });
  return speckled(random, "plain", base, 0.025f);
}

std::shared_ptr<const Texture> random_painting(Random& random) {
  struct Blob {
    float u, v, r, stretch;
    Vec3 colour;
  };
  const double hue = random.uniform(0, 360);
  const Vec3 high = random_hsv(random, {hue, hue}, {0, 0.6}, {0.5, 1}),
             low = random_hsv(random, {hue + 20, hue + 200}, {0.1, 0.8}, {0.1, 0.8});
  std::vector<Blob> blobs(static_cast<size_t>(random.between(0, 5)));
  for (Blob& b : blobs)
    b = {static_cast<float>(random.uniform()), static_cast<float>(random.uniform()),
         static_cast<float>(random.uniform(0.06, 0.3)), static_cast<float>(random.uniform(0.4, 2.5)),
         random_hsv(random, {0, 360}, {0.2, 0.9}, {0.2, 1})};
  const Noise wave(random, 5, 3), fine(random, 24, 24);
  const float horizon = static_cast<float>(random.uniform(0.3, 0.7));
  return paint([&](float u, float v) {
    Vec3 c = v + 0.12f * wave.at(u, v) < horizon ? high : low;
    for (const Blob& b : blobs)
      if (std::hypot(u - b.u, (v - b.v) * b.stretch) < b.r) c = b.colour;
    return c * (1 + 0.15f * fine.at(u, v));
  });
}

std::shared_ptr<const Texture> random_rug(Random& random) {
  const Vec3 base = random_hsv(random, {0, 360}, {0.1, 0.8}, {0.25, 0.9});
  const Vec3 other = random_hsv(random, {0, 360}, {0.0, 0.7}, {0.2, 0.95});
  const Noise fine(random, 64, 64);
  const int64_t pattern = random.below(4);
  const float border = random.chance(0.6) ? static_cast<float>(random.uniform(0.04, 0.12)) : 0;
  const float rows = static_cast<float>(random.between(3, 9));
  return paint([&](float u, float v) {
    const float edge = std::min({u, 1 - u, v, 1 - v});
    bool second = edge < border && edge > 0.4f * border;
    if (edge >= border && pattern == 1) second = part(v * rows) < 0.4f;
    if (edge >= border && pattern == 2) second = part(u * rows) + part(v * rows) < 0.7f;
    if (edge >= border && pattern == 3) second = std::hypot(part(u * rows) - 0.5f, part(v * rows) - 0.5f) < 0.3f;
    return (second ? other : base) * (1 + 0.2f * fine.at(u, v));
  });
}

std::shared_ptr<const Texture> random_outside(Random& random) {
  const Vec3 sky = random_hsv(random, {200, 220}, {0.1, 0.5}, {1, 1});
  const Vec3 ground = random_hsv(random, {60, 130}, {0.2, 0.55}, {0.4, 0.75});
  const Noise cloud(random, 4, 6), hill(random, 4, 1), leaves(random, 30, 30);
  const float horizon = static_cast<float>(random.uniform(0.55, 0.85));
  return paint([&](float u, float v) {
    if (v > horizon + 0.08f * hill.at(u, 0)) return ground * (1 + 0.3f * leaves.at(u, v));
    return lerp(sky, {1, 1, 1}, std::clamp(0.35f + 0.5f * v + 0.5f * cloud.at(u, v), 0.0f, 1.0f));
  });
}

}  // namespace fourm
