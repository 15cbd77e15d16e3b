#include "fourm/draw/legend.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fourm/draw/lettering.h"
#include "fourm/draw/strokes.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr uint8_t kLegendPaper = 250;
constexpr Colour kLegendInk{30, 30, 30};
constexpr int kLegendGap = 4, kSwatch = 10, kBar = 10, kLegendText = 12;

int legend_line() { return line_height(kLegendText); }

// The image at this width, with space below it.
Image with_space(const Image& image, int width, int space) {
  const int height = std::max(1, static_cast<int>(int64_t{image.height} * width / image.width));
  const Image resized = resize_bilinear(image, width, height);
  Image out(width, height + space, 3, kLegendPaper);
  std::copy(resized.pixels.begin(), resized.pixels.end(), out.pixels.begin());
  return out;
}

std::string metres(double value) { return concat(std::round(value * 10) / 10, " m"); }

// The colours from the nearest to the farthest depth, one for each column. They are the same for depth without a scale.
Image depth_bar(int width) {
  InputConfig input;
  input.kind = "depth";
  Raster<float> ramp(width, 1, 1);
  for (int x = 0; x < width; ++x)
    ramp.pixels[x] = static_cast<float>(
        input.near * std::pow(input.far / input.near, width > 1 ? static_cast<double>(x) / (width - 1) : 0));
  return display(input, ramp);
}

}  // namespace

std::vector<LegendEntry> label_legend(const Raster<uint8_t>& labels, const std::vector<std::string>& names) {
  std::vector<int64_t> count(256);
  for (const uint8_t label : labels.pixels) ++count[label];
  std::vector<size_t> order(count.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return count[a] > count[b]; });
  std::vector<LegendEntry> entries;
  for (const size_t label : order) {
    if (count[label] == 0 || static_cast<double>(count[label]) < kLegendShare * static_cast<double>(labels.area()))
      break;
    const bool is_named = label < names.size() && !names[label].empty();
    entries.push_back({label_palette()[label], is_named       ? names[label]
                                               : label == 255 ? "none"
                                                              : std::to_string(label)});
  }
  return entries;
}

Image draw_legend(const Image& image, const std::vector<LegendEntry>& entries, int width) {
  struct Place {
    int x, line;
  };
  std::vector<Place> places;
  int x = 0, line = 0;
  for (const auto& entry : entries) {
    const int wide = kSwatch + kLegendGap + text_width(entry.name, kLegendText) + 2 * kLegendGap;
    if (x > 0 && x + wide > width) x = 0, ++line;
    places.push_back({x, line});
    x += wide;
  }
  Image out = with_space(image, width, entries.empty() ? 0 : kLegendGap + (line + 1) * legend_line());
  const int top = out.height - (entries.empty() ? 0 : (line + 1) * legend_line());
  for (size_t i = 0; i < entries.size(); ++i) {
    const int left = places[i].x, y = top + places[i].line * legend_line(), swatch = y + (legend_line() - kSwatch) / 2;
    fill_rectangle(out, left, swatch, left + kSwatch, swatch + kSwatch, entries[i].colour);
    draw_text(out, left + kSwatch + kLegendGap, y, entries[i].name, kLegendInk, kLegendText);
  }
  return out;
}

Image draw_labels(const Raster<uint8_t>& labels, const std::vector<std::string>& names, int width) {
  InputConfig input;
  input.kind = "semseg";
  const int height = std::max(1, static_cast<int>(int64_t{labels.height} * width / labels.width));
  return draw_legend(display(input, resize_nearest(labels, width, height)), label_legend(labels, names), width);
}

Image draw_depth(const InputConfig& input, const StoredImage& depth, int width) {
  Image out = with_space(display(input, depth), width, kLegendGap + kBar + kLegendGap + legend_line());
  const int top = out.height - legend_line() - kLegendGap - kBar;
  const Image bar = depth_bar(width);
  for (int y = 0; y < kBar; ++y) std::copy(bar.pixels.begin(), bar.pixels.end(), out.at(0, top + y));
  const std::string near = input.standardise ? "near" : metres(input.near),
                    middle = input.standardise ? "" : metres(std::sqrt(input.near * input.far)),
                    far = input.standardise ? "far" : metres(input.far);
  const int y = top + kBar + kLegendGap;
  draw_text(out, 0, y, near, kLegendInk, kLegendText);
  draw_text(out, (width - text_width(middle, kLegendText)) / 2, y, middle, kLegendInk, kLegendText);
  draw_text(out, width - text_width(far, kLegendText), y, far, kLegendInk, kLegendText);
  return out;
}

Image draw_map(const InputConfig& input, const StoredImage& map, const std::vector<std::string>& names, int width) {
  if (input.has_labels()) return draw_labels(std::get<Image>(map), names, width);
  if (input.kind == "depth") return draw_depth(input, map, width);
  return with_space(display(input, map), width, 0);
}

}  // namespace fourm
