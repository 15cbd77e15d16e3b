#include "fourm/data/crop.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/strings.h"

namespace fourm {

CropView centre_view(int width, int height) {
  const int side = std::min(width, height), top = (height - side) / 2, left = (width - side) / 2;  // whole pixels
  return {double(height), double(width), double(top), double(left), double(side), double(side), false};
}

// The largest rectangle in the middle whose ratio of width to height is allowed, as torchvision's RandomResizedCrop has it.
static CropView largest_view(int width, int height, const CropOptions& options) {
  double w = width, h = height;
  if (w / h < options.min_ratio)
    h = std::nearbyint(w / options.min_ratio);
  else if (w / h > options.max_ratio)
    w = std::nearbyint(h * options.max_ratio);
  return {double(height), double(width), std::floor((height - h) / 2), std::floor((width - w) / 2), h, w, false};
}

CropView random_view(int width, int height, const CropOptions& options, Random& random) {
  CropView view{double(height), double(width), 0, 0, 0, 0, false};
  for (int attempt = 0; attempt < 10 && view.crop_width == 0; ++attempt) {
    const double area = random.uniform(options.min_scale, options.max_scale) * width * height;
    const double ratio = std::exp(random.uniform(std::log(options.min_ratio), std::log(options.max_ratio)));
    const int64_t w = std::lround(std::sqrt(area * ratio)), h = std::lround(std::sqrt(area / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    view.crop_width = static_cast<double>(w);
    view.crop_height = static_cast<double>(h);
    view.left = static_cast<double>(random.between(0, width - w));
    view.top = static_cast<double>(random.between(0, height - h));
  }
  if (view.crop_width == 0) view = largest_view(width, height, options);  // no draw fits into a long strip
  view.flip = random.chance(options.flip);
  return view;
}

std::vector<CropView> draw_views(int width, int height, int64_t count, const CropOptions& options, Random random) {
  std::vector<CropView> views{centre_view(width, height)};
  while (static_cast<int64_t>(views.size()) < count) views.push_back(random_view(width, height, options, random));
  return views;
}

Cut to_cut(const CropView& view) {
  return {static_cast<int>(view.left), static_cast<int>(view.top), static_cast<int>(view.crop_width),
          static_cast<int>(view.crop_height), view.flip};
}

NpyArray encode_crop_settings(const std::vector<CropView>& views) {
  std::vector<int64_t> values;
  for (const auto& v : views)
    for (const double x : {v.top, v.left, v.crop_height, v.crop_width, v.flip ? 1.0 : 0.0})
      values.push_back(static_cast<int64_t>(x));
  return npy_from_integers(values, {static_cast<int64_t>(views.size()), 5}, "i4");
}

std::vector<CropView> decode_crop_settings(std::string_view bytes, const std::string& origin,
                                           const std::optional<ImageSize>& size) {
  const NpyArray array = decode_npy(bytes, origin);
  check(array.shape.size() == 2 && array.shape[0] > 0 && array.shape[1] == 5, origin,
        ": expected crop settings [crops, 5] (top, left, height, width, flip)");
  const std::vector<float> values = npy_floats(array);
  std::vector<CropView> views;
  for (size_t i = 0; i < values.size(); i += 5) {
    const float* row = &values[i];
    for (int k = 0; k < 5; ++k)
      check(row[k] >= 0 && row[k] <= (k < 4 ? float{1 << 24} : 1.0F) && row[k] == std::floor(row[k]) &&
                (k < 2 || k == 4 || row[k] > 0),
            origin, ": crop ", i / 5, " has the ",
            std::vector<const char*>{"top", "left", "height", "width", "flip"}[k], " ", row[k],
            ", expected a whole number of pixels inside the image");
    views.push_back({0, 0, row[0], row[1], row[2], row[3], row[4] > 0});
  }
  const CropView first = views[0];
  for (auto& view : views) {
    view.height = size ? size->height : first.crop_height + 2 * first.top;
    view.width = size ? size->width : first.crop_width + 2 * first.left;
  }
  return views;
}

std::string mirror_words(const std::string& text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80); };
  const auto lower = [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); };
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && letter(text[end])) ++end;
    if (end == i) {
      out += text[i++];
      continue;
    }
    std::string word = text.substr(i, end - i), plain = word;
    std::transform(plain.begin(), plain.end(), plain.begin(), lower);
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"left", "right"}, {"right", "left"}})
      if (plain == from || plain == from + "most" || plain == from + "hand") {
        std::string turned = to;
        const bool shout = word.size() > 1 && word[1] < 'a';
        if (shout)
          for (char& c : turned) c = static_cast<char>(c - 32);
        else if (word[0] < 'a')
          turned[0] = static_cast<char>(turned[0] - 32);
        word = turned + word.substr(from.size());
        break;
      }
    out += word;
    i = end;
  }
  return out;
}

}  // namespace fourm
