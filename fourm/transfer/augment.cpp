#include "fourm/transfer/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "fourm/core/strings.h"
#include "fourm/data/crop.h"

namespace fourm {
namespace {

uint8_t to_byte(double value) { return static_cast<uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0)); }

// ITU-R 601-2, as Pillow converts to grey.
double grey_of(const uint8_t* p) { return (p[0] * 299 + p[1] * 587 + p[2] * 114) / 1000.0; }

// degenerate + factor * (image - degenerate), for each value.
template <class Degenerate>
Image enhanced(Image image, double factor, const Degenerate& degenerate) {
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    uint8_t* p = &image.pixels[i];
    const double base = degenerate(i / 3, p);
    for (int c = 0; c < 3; ++c) p[c] = to_byte(base + factor * (p[c] - base));
  }
  return image;
}

template <class Change>
Image each_value(Image image, const Change& change) {
  std::array<uint8_t, 256> table;
  for (int v = 0; v < 256; ++v) table[v] = change(v);
  for (auto& value : image.pixels) value = table[value];
  return image;
}

Image auto_contrast(Image image) {
  for (int c = 0; c < 3; ++c) {
    int low = 255, high = 0;
    for (size_t i = c; i < image.pixels.size(); i += 3) {
      low = std::min<int>(low, image.pixels[i]);
      high = std::max<int>(high, image.pixels[i]);
    }
    if (high <= low) continue;
    for (size_t i = c; i < image.pixels.size(); i += 3)
      image.pixels[i] = to_byte((image.pixels[i] - low) * 255.0 / (high - low));
  }
  return image;
}

// Pillow's ImageOps.equalize.
Image equalize(Image image) {
  for (int c = 0; c < 3; ++c) {
    std::array<int64_t, 256> counts{};
    for (size_t i = c; i < image.pixels.size(); i += 3) ++counts[image.pixels[i]];
    int64_t last = 0, total = 0;
    for (const int64_t n : counts)
      if (n > 0) total += last = n;
    const int64_t step = (total - last) / 255;
    if (step == 0) continue;
    std::array<uint8_t, 256> table{};
    int64_t n = step / 2;
    for (int v = 0; v < 256; ++v) {
      table[v] = static_cast<uint8_t>(std::min<int64_t>(n / step, 255));
      n += counts[v];
    }
    for (size_t i = c; i < image.pixels.size(); i += 3) image.pixels[i] = table[image.pixels[i]];
  }
  return image;
}

Image solarize_add(Image image, int add) {
  return each_value(std::move(image),
                    [add](int v) { return static_cast<uint8_t>(v < 128 ? std::min(255, v + add) : v); });
}

// Pillow's ImageEnhance.Sharpness: the degenerate is the image smoothed by [1 1 1; 1 5 1; 1 1 1] / 13, its border kept.
Image sharpen(const Image& image, double factor) {
  Image out = image;
  for (int y = 1; y + 1 < image.height; ++y)
    for (int x = 1; x + 1 < image.width; ++x)
      for (int c = 0; c < 3; ++c) {
        int sum = 4 * image.at(x, y)[c];
        for (int dy = -1; dy <= 1; ++dy)
          for (int dx = -1; dx <= 1; ++dx) sum += image.at(x + dx, y + dy)[c];
        const double base = to_byte(sum / 13.0);
        out.at(x, y)[c] = to_byte(base + factor * (image.at(x, y)[c] - base));
      }
  return out;
}

// The image under an affine map from pixels of the result to those of the image, bilinear; beyond it the mean colour.
Image warped(const Image& image, double a, double b, double c, double d, double e, double f) {
  constexpr std::array<double, 3> kFill{124, 116, 104};
  Image out(image.width, image.height, 3);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const double u = a * (x + 0.5) + b * (y + 0.5) + c - 0.5, v = d * (x + 0.5) + e * (y + 0.5) + f - 0.5;
      const double u0 = std::floor(u), v0 = std::floor(v), du = u - u0, dv = v - v0;
      for (int channel = 0; channel < 3; ++channel) {
        double sum = 0;
        for (int k = 0; k < 4; ++k) {
          const double px = u0 + (k & 1), py = v0 + (k >> 1);
          const double weight = ((k & 1) ? du : 1 - du) * ((k >> 1) ? dv : 1 - dv);
          const bool inside = px >= 0 && py >= 0 && px < image.width && py < image.height;
          sum += weight * (inside ? image.at(static_cast<int>(px), static_cast<int>(py))[channel] : kFill[channel]);
        }
        out.at(x, y)[channel] = to_byte(sum);
      }
    }
  return out;
}

Image rotated(const Image& image, double degrees) {
  const double angle = degrees * std::numbers::pi / 180, cosine = std::cos(angle), sine = std::sin(angle);
  const double x = image.width / 2.0, y = image.height / 2.0;
  return warped(image, cosine, sine, x - cosine * x - sine * y, -sine, cosine, y + sine * x - cosine * y);
}

struct Hsv {
  double h, s, v;
};

Hsv to_hsv(const uint8_t* p) {
  const double high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]}), range = high - low;
  double hue = 0;
  if (range > 0) {
    if (high == p[0])
      hue = std::fmod((p[1] - p[2]) / range + 6, 6.0);
    else
      hue = high == p[1] ? (p[2] - p[0]) / range + 2 : (p[0] - p[1]) / range + 4;
  }
  return {hue / 6, high > 0 ? range / high : 0, high};
}

void from_hsv(const Hsv& hsv, uint8_t* p) {
  for (int c = 0; c < 3; ++c) {
    const double k = std::fmod((c == 0 ? 5 : c == 1 ? 3 : 1) + hsv.h * 6, 6.0);
    p[c] = to_byte(hsv.v - hsv.v * hsv.s * std::max(0.0, std::min({k, 4 - k, 1.0})));
  }
}

// A draw from Beta(alpha, alpha).
double beta_draw(double alpha, Random& random) {
  const double a = random.log_gamma_draw(alpha), b = random.log_gamma_draw(alpha);
  return 1 / (1 + std::exp(b - a));
}

}  // namespace

void AugmentConfig::validate(const std::string& origin) const {
  check_fields(*this, origin);
  for (const auto& [key, pair] : {std::pair{"scale", &scale}, {"ratio", &ratio}})
    check(pair->size() == 2 && (*pair)[0] <= (*pair)[1], origin, ".", key,
          ": expected two numbers, minimum and maximum");
  check(crop != "resized" && crop != "square" ? true : scale[1] <= 1, origin, ".scale: the most is ", scale[1],
        ", expected at most 1 with crop: ", crop);
}

CropView draw_view(const AugmentConfig& config, int width, int height, Fit fit, double share, Random& random) {
  CropView view;
  if (config.crop == "resized") {
    const CropOptions options{config.scale[0], config.scale[1], config.ratio[0], config.ratio[1], 0};
    view = random_view(width, height, options, random);
  } else if (config.crop == "jitter") {
    view = jittered_view(width, height, config.scale[0], config.scale[1], random);
  } else if (config.crop == "square") {
    view = random_square(width, height, random.uniform(config.scale[0], config.scale[1]), random);
  } else {
    view = fitted_view(width, height, fit, share);
  }
  view.flip = random.chance(config.flip);
  return view;
}

Image adjust_brightness(Image image, double factor) {
  return enhanced(std::move(image), factor, [](size_t, const uint8_t*) { return 0.0; });
}

Image adjust_contrast(Image image, double factor) {
  double sum = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) sum += grey_of(&image.pixels[i]);
  const double mean = std::floor(sum / static_cast<double>(image.area()) + 0.5);
  return enhanced(std::move(image), factor, [mean](size_t, const uint8_t*) { return mean; });
}

Image adjust_saturation(Image image, double factor) {
  return enhanced(std::move(image), factor, [](size_t, const uint8_t* p) { return grey_of(p); });
}

Image adjust_hue(Image image, double turns) {
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    Hsv hsv = to_hsv(&image.pixels[i]);
    hsv.h = std::fmod(hsv.h + turns + 1, 1.0);
    from_hsv(hsv, &image.pixels[i]);
  }
  return image;
}

const char* rand_augment_name(int64_t operation) {
  static const std::array<const char*, kRandAugmentOperations> names{
      "AutoContrast", "Equalize",   "Invert",    "Rotate", "Posterize", "Solarize",   "SolarizeAdd", "Color",
      "Contrast",     "Brightness", "Sharpness", "ShearX", "ShearY",    "TranslateX", "TranslateY"};
  return names.at(static_cast<size_t>(operation));
}

Image rand_augment(const Image& image, int64_t operation, double magnitude, bool positive) {
  const double level = std::clamp(magnitude, 0.0, 10.0) / 10, sign = positive ? 1 : -1;
  const double factor = std::max(0.1, 1 + sign * 0.9 * level);
  const double cut = sign * 0.3 * level, shift = sign * 0.45 * level;
  switch (operation) {
    case 0: return auto_contrast(image);
    case 1: return equalize(image);
    case 2: return each_value(image, [](int v) { return static_cast<uint8_t>(255 - v); });
    case 3: return rotated(image, sign * 30 * level);
    case 4: {
      const int bits = 4 - static_cast<int>(4 * level), mask = bits >= 8 ? 255 : 255 & ~((1 << (8 - bits)) - 1);
      return each_value(image, [mask](int v) { return static_cast<uint8_t>(v & mask); });
    }
    case 5: {
      const int threshold = 256 - static_cast<int>(256 * level);
      return each_value(image, [threshold](int v) { return static_cast<uint8_t>(v < threshold ? v : 255 - v); });
    }
    case 6: return solarize_add(image, static_cast<int>(110 * level));
    case 7: return adjust_saturation(image, factor);
    case 8: return adjust_contrast(image, factor);
    case 9: return adjust_brightness(image, factor);
    case 10: return sharpen(image, factor);
    case 11: return warped(image, 1, cut, 0, 0, 1, 0);
    case 12: return warped(image, 1, 0, 0, cut, 1, 0);
    case 13: return warped(image, 1, 0, shift * image.width, 0, 1, 0);
    case 14: return warped(image, 1, 0, 0, 0, 1, shift * image.height);
    default: fail("[rand_augment] there is no operation ", operation);
  }
}

Image draw_colours(const AugmentConfig& config, Image image, Random& random) {
  if (config.rand_augment > 0)
    for (int64_t k = 0; k < config.rand_augment_operations; ++k) {
      const int64_t operation = random.below(kRandAugmentOperations);
      const bool applied = random.chance(config.rand_augment_prob), positive = random.chance(0.5);
      const double magnitude = config.rand_augment + config.rand_augment_deviation * random.normal();
      if (applied) image = rand_augment(image, operation, magnitude, positive);
    }
  if (config.brightness + config.contrast + config.saturation + config.hue == 0) return image;
  if (!random.chance(config.colour_prob)) return image;
  const auto factor = [&](double strength) { return random.uniform(1 - strength, 1 + strength); };
  for (const int64_t which : random.permutation(4)) {
    if (which == 0 && config.brightness > 0) image = adjust_brightness(std::move(image), factor(config.brightness));
    if (which == 1 && config.contrast > 0) image = adjust_contrast(std::move(image), factor(config.contrast));
    if (which == 2 && config.saturation > 0) image = adjust_saturation(std::move(image), factor(config.saturation));
    if (which == 3 && config.hue > 0) image = adjust_hue(std::move(image), random.uniform(-config.hue, config.hue));
  }
  return image;
}

Mix draw_mix(const AugmentConfig& config, int size, Random& random) {
  Mix mix;
  if ((config.mixup == 0 && config.cutmix == 0) || !random.chance(config.mix_prob)) return mix;
  const bool cuts = config.mixup == 0 || (config.cutmix > 0 && random.chance(0.5));
  mix.lambda = beta_draw(cuts ? config.cutmix : config.mixup, random);
  if (!cuts) return mix;
  const double side = size * std::sqrt(1 - mix.lambda);
  const auto x = static_cast<double>(random.below(size)), y = static_cast<double>(random.below(size));
  const auto edge = [size](double value) { return static_cast<int>(std::clamp(value, 0.0, double(size))); };
  mix.left = edge(x - side / 2), mix.top = edge(y - side / 2);
  mix.width = edge(x + side / 2) - mix.left, mix.height = edge(y + side / 2) - mix.top;
  mix.lambda = 1 - static_cast<double>(mix.width) * mix.height / (static_cast<double>(size) * size);
  return mix;
}

}  // namespace fourm
