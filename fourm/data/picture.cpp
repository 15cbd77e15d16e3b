#include "fourm/data/picture.h"

#include <algorithm>
#include <cmath>

namespace fourm {
namespace {

// Interleaved -> channels first, 0..top -> -1..1.
template <class T>
std::vector<float> planes(const Raster<T>& image, float top) {
  std::vector<float> values(image.pixels.size());
  const size_t area = image.area(), channels = image.channels;
  for (size_t i = 0; i < area; ++i)
    for (size_t c = 0; c < channels; ++c)
      values[c * area + i] = static_cast<float>(image.pixels[i * channels + c]) / top * 2 - 1;
  return values;
}

float unit(float value) { return std::isnan(value) ? 0 : std::clamp((value + 1) / 2, 0.0f, 1.0f); }

}  // namespace

std::vector<float> read_colour_picture(const fs::path& path, int64_t size) {
  const Image image = read_image(path);
  const int side = static_cast<int>(size);
  return planes(image.width == side && image.height == side ? image : resize_bilinear(image, side, side), 255);
}

std::vector<float> read_depth_picture(const fs::path& path, int64_t size) {
  const Raster<uint16_t> depth = read_png16(path);
  const int side = static_cast<int>(size);
  if (depth.width == side && depth.height == side) return planes(depth, 65535);
  Raster<float> smooth(depth.width, depth.height, 1);
  std::copy(depth.pixels.begin(), depth.pixels.end(), smooth.pixels.begin());
  return planes(resize_bilinear(smooth, side, side), 65535);
}

std::vector<int64_t> read_label_picture(const fs::path& path, int64_t size, int64_t classes) {
  const Raster<uint8_t> labels = resize_nearest(read_labels(path), static_cast<int>(size), static_cast<int>(size));
  for (const uint8_t label : labels.pixels)
    check(label < classes, path.string(), ": holds the label ", int{label}, ", the last class is ", classes - 1);
  return {labels.pixels.begin(), labels.pixels.end()};
}

Image to_image(const float* values, int channels, int height, int width) {
  Image image(width, height, channels);
  const size_t area = image.area();
  for (size_t i = 0; i < area; ++i)
    for (int c = 0; c < channels; ++c)
      image.pixels[i * channels + c] = static_cast<uint8_t>(std::lround(unit(values[c * area + i]) * 255));
  return image;
}

Raster<uint16_t> to_depth(const float* values, int height, int width) {
  Raster<uint16_t> depth(width, height, 1);
  for (size_t i = 0; i < depth.area(); ++i)
    depth.pixels[i] = static_cast<uint16_t>(std::lround(unit(values[i]) * 65535));
  return depth;
}

std::string shown_by(std::string_view modality) {
  if (modality.starts_with("tok_")) modality.remove_prefix(4);
  return std::string(modality.substr(0, modality.find('@')));
}

}  // namespace fourm
