#include "fourm/transfer/view.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fourm/core/strings.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr std::array<uint8_t, 3> kPadding{124, 116, 104};  // the mean colour of ImageNet

struct Rectangle {
  int left, top, width, height;
};

// The part of the image that a view shows, and where it is in a square of `size` pixels before mirroring.
struct Placed {
  Rectangle from, to;
};

Placed place(const CropView& view, int size) {
  const int left = static_cast<int>(view.left), top = static_cast<int>(view.top);
  const int x0 = std::max(0, left), y0 = std::max(0, top);
  const int x1 = std::min(static_cast<int>(view.width), left + static_cast<int>(view.crop_width));
  const int y1 = std::min(static_cast<int>(view.height), top + static_cast<int>(view.crop_height));
  check(x1 > x0 && y1 > y0, "[apply_view] the view of ", view.crop_width, "x", view.crop_height, " at ", left, ",", top,
        " shows nothing of an image of ", view.width, "x", view.height);
  const auto scaled = [size](int offset, double extent) {
    return static_cast<int>(std::lround(offset * static_cast<double>(size) / extent));
  };
  // At least one pixel, inside the square.
  const auto span = [size](int begin, int end) {
    return std::pair(std::min(begin, size - 1), std::max(begin + 1, end));
  };
  const auto [u0, u1] = span(scaled(x0 - left, view.crop_width), scaled(x1 - left, view.crop_width));
  const auto [v0, v1] = span(scaled(y0 - top, view.crop_height), scaled(y1 - top, view.crop_height));
  return {{x0, y0, x1 - x0, y1 - y0}, {u0, v0, std::min(u1, size) - u0, std::min(v1, size) - v0}};
}

template <class T>
void mirror(Raster<T>& map) {
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; 2 * x < map.width - 1; ++x)
      std::swap_ranges(map.at(x, y), map.at(x, y) + map.channels, map.at(map.width - 1 - x, y));
}

template <class T>
void paste(const Raster<T>& part, int left, int top, Raster<T>& into) {
  for (int y = 0; y < part.height; ++y)
    std::copy_n(part.at(0, y), static_cast<size_t>(part.width) * part.channels, into.at(left, top + y));
}

template <class T, class Resize>
Raster<T> shown(const Raster<T>& image, const CropView& view, Raster<T> square, const Resize& resize) {
  check(image.width == view.width && image.height == view.height, "[apply_view] a view of ", view.width, "x",
        view.height, " for an image of ", image.width, "x", image.height);
  const Placed at = place(view, square.width);
  const Raster<T> part = crop(image, at.from.left, at.from.top, at.from.width, at.from.height);
  const bool same = part.width == at.to.width && part.height == at.to.height;
  paste(same ? part : resize(part, at.to.width, at.to.height), at.to.left, at.to.top, square);
  if (view.flip) mirror(square);
  return square;
}

template <class T, class Resize>
Raster<T> inverted(Raster<T> map, const CropView& view, T unknown, const Resize& resize) {
  if (view.flip) mirror(map);
  const Placed at = place(view, map.width);
  const Raster<T> part = crop(map, at.to.left, at.to.top, at.to.width, at.to.height);
  Raster<T> image(static_cast<int>(view.width), static_cast<int>(view.height), map.channels, unknown);
  const bool same = part.width == at.from.width && part.height == at.from.height;
  paste(same ? part : resize(part, at.from.width, at.from.height), at.from.left, at.from.top, image);
  return image;
}

CropView rectangle(int width, int height, int64_t left, int64_t top, int64_t crop_width, int64_t crop_height) {
  CropView view;
  view.width = width, view.height = height;
  view.left = static_cast<double>(left), view.top = static_cast<double>(top);
  view.crop_width = static_cast<double>(crop_width), view.crop_height = static_cast<double>(crop_height);
  return view;
}

}  // namespace

InputConfig input_kind(const char* kind) {
  InputConfig config;
  config.kind = kind;
  return config;
}

Fit parse_fit(const std::string& name) {
  if (name == "crop") return Fit::kCrop;
  if (name == "pad") return Fit::kPad;
  check(name == "stretch", "fit is ", printable(name), ", expected crop, pad or stretch");
  return Fit::kStretch;
}

CropView fitted_view(int width, int height, Fit fit, double share) {
  if (fit == Fit::kStretch) return rectangle(width, height, 0, 0, width, height);
  const int64_t longer = std::max(width, height);
  if (fit == Fit::kPad) return rectangle(width, height, 0, 0, longer, longer);
  const int64_t side = std::max<int64_t>(1, std::llround(std::min(width, height) * share));
  return rectangle(width, height, (width - side) / 2, (height - side) / 2, side, side);
}

CropView jittered_view(int width, int height, double least, double most, Random& random) {
  const double factor = random.uniform(least, most);
  const int64_t side = std::max<int64_t>(1, std::llround(std::max(width, height) / factor));
  const auto offset = [&](int64_t extent) { return extent > side ? random.between(0, extent - side) : 0; };
  const int64_t left = offset(width), top = offset(height);
  return rectangle(width, height, left, top, side, side);
}

CropView random_square(int width, int height, double share, Random& random) {
  const int64_t side = std::max<int64_t>(1, std::llround(std::min(width, height) * share));
  const int64_t left = random.between(0, width - side), top = random.between(0, height - side);
  return rectangle(width, height, left, top, side, side);
}

StoredImage apply_view(const InputConfig& config, const StoredImage& image, const CropView& view, int size) {
  if (config.kind == "depth") {
    const auto resize = [&](const Raster<float>& part, int width, int height) {
      return resize_known(part, known_pixels(config, part), width, height, 0);
    };
    return shown(std::get<Raster<float>>(image), view, Raster<float>(size, size, 1), resize);
  }
  const Image& stored = std::get<Image>(image);
  if (config.has_labels() || config.kind == "mask") {
    const auto nearest = [](const Image& part, int width, int height) { return resize_nearest(part, width, height); };
    return shown(stored, view, Image(size, size, stored.channels, config.has_labels() ? 255 : 0), nearest);
  }
  check(config.kind == "rgb", "[apply_view] images of kind ", config.kind, " are not shown in views");
  Image square(size, size, 3);
  for (size_t i = 0; i < square.pixels.size(); ++i) square.pixels[i] = kPadding[i % 3];
  return shown(stored, view, std::move(square),
               [](const Image& part, int width, int height) { return resize_bilinear(part, width, height); });
}

Raster<float> invert_view(const Raster<float>& map, const CropView& view, float unknown) {
  return inverted(map, view, unknown, [](const Raster<float>& part, int width, int height) {
    return resize_bilinear(part, width, height);
  });
}

Raster<uint8_t> invert_view(const Raster<uint8_t>& map, const CropView& view, uint8_t unknown) {
  return inverted(map, view, unknown,
                  [](const Image& part, int width, int height) { return resize_nearest(part, width, height); });
}

}  // namespace fourm
