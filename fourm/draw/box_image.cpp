#include "fourm/draw/box_image.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fourm/draw/lettering.h"
#include "fourm/draw/strokes.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr int kOutline = 2, kPadding = 3, kSmallestText = 10, kLargestText = 16;

struct LabelPlace {
  int left, top, width, height;

  int shared_area(const LabelPlace& other) const {
    const int w = std::min(left + width, other.left + other.width) - std::max(left, other.left);
    const int h = std::min(top + height, other.top + other.height) - std::max(top, other.top);
    return std::max(0, w) * std::max(0, h);
  }
};

// Inside the image at a corner of the box or just outside it: the first place where it hides least of the labels before it.
LabelPlace place_label(int width, int height, const std::array<int, 4>& box, int side,
                       const std::vector<LabelPlace>& before) {
  const auto [left, top, right, bottom] = box;
  const bool is_small = bottom - top < 3 * height;  // the label would hide much of what the box shows
  const std::array<std::array<int, 2>, 8> corners{{{left, is_small ? top - height : top},
                                                   {left, is_small ? bottom : top - height},
                                                   {right - width, top},
                                                   {right - width, top - height},
                                                   {left, bottom - height},
                                                   {right - width, bottom - height},
                                                   {left, bottom},
                                                   {right - width, bottom}}};
  LabelPlace best{};
  int least = -1;
  for (const auto& [x, y] : corners) {
    const LabelPlace place{std::clamp(x, 0, std::max(0, side - width)), std::clamp(y, 0, std::max(0, side - height)),
                           width, height};
    int hidden = 0;
    for (const LabelPlace& other : before) hidden += place.shared_area(other);
    if (least < 0 || hidden < least) best = place, least = hidden;
  }
  return best;
}

}  // namespace

Image draw_boxes(const Image& image, std::vector<LabelledBox> boxes, int side) {
  Image out = resize_bilinear(image, side, side);
  std::stable_sort(boxes.begin(), boxes.end(), [](const auto& a, const auto& b) { return area(a) > area(b); });
  std::vector<std::array<int, 4>> corners;
  for (const auto& box : boxes) {
    const auto pixel = [&](double at) { return static_cast<int>(std::lround(at * side)); };
    corners.push_back({pixel(box.xmin), pixel(box.ymin), pixel(box.xmax), pixel(box.ymax)});
    const auto [left, top, right, bottom] = corners.back();
    draw_rectangle(out, left, top, right, bottom, kOutline, bright_colour(box.class_name));
  }
  const int text = std::clamp(side / 18, kSmallestText, kLargestText);
  std::vector<LabelPlace> labels;
  for (size_t i = 0; i < boxes.size(); ++i) {
    const std::string name = shortened_text(boxes[i].class_name, side - 2 * kPadding, text);
    const LabelPlace place =
        place_label(text_width(name, text) + 2 * kPadding, line_height(text), corners[i], side, labels);
    fill_rectangle(out, place.left, place.top, place.left + place.width, place.top + place.height,
                   bright_colour(boxes[i].class_name));
    draw_text(out, place.left + kPadding, place.top, name, {0, 0, 0}, text);
    labels.push_back(place);
  }
  return out;
}

}  // namespace fourm
