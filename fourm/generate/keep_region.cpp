#include "fourm/generate/keep_region.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/finite_number.h"
#include "fourm/core/strings.h"
#include "fourm/io/image_file.h"

namespace fourm {
namespace {

constexpr const char* kForms =
    "expected all, left, right, top, bottom, X0,Y0,X1,Y1 in fractions, every:N, or a mask image";
constexpr double kTolerance = 1e-9;  // of fractions such as 1/3

double region_number(const std::string& text, const std::string& whole) {
  const auto value = finite_number(text);
  check(value.has_value(), "keep ", printable(whole), ": ", printable(text), " is not a number; ", kForms);
  return *value;
}

}  // namespace

KeepRegion KeepRegion::parse(const std::string& text) {
  if (text == "all") return KeepRegion(Rectangle{0, 0, 1, 1});
  if (text == "left") return KeepRegion(Rectangle{0, 0, 0.5, 1});
  if (text == "right") return KeepRegion(Rectangle{0.5, 0, 1, 1});
  if (text == "top") return KeepRegion(Rectangle{0, 0, 1, 0.5});
  if (text == "bottom") return KeepRegion(Rectangle{0, 0.5, 1, 1});
  if (text.starts_with("every:")) {
    const double n = region_number(text.substr(6), text);
    check(n >= 1 && n <= 1 << 24 && n == std::floor(n), "keep ", printable(text),
          ": expected every:N with an integer from 1 on");
    return KeepRegion(Every{static_cast<int64_t>(n)});
  }
  if (is_image_file(text)) return KeepRegion(Mask{text, decode_image_rgba(read_file(text), text)});
  const std::vector<std::string> parts = split(text, ',');
  check(parts.size() == 4, "keep ", printable(text), did_you_mean(text, {"all", "left", "right", "top", "bottom"}),
        ": ", kForms);
  const Rectangle r{region_number(parts[0], text), region_number(parts[1], text), region_number(parts[2], text),
                    region_number(parts[3], text)};
  check(r.left >= 0 && r.left < r.right && r.right <= 1 && r.top >= 0 && r.top < r.bottom && r.bottom <= 1, "keep ",
        printable(text), ": expected 0 <= X0 < X1 <= 1 and 0 <= Y0 < Y1 <= 1");
  return KeepRegion(r);
}

// Whether all of a part of the square is kept.
bool KeepRegion::keeps(const Rectangle& part) const {
  if (const auto* kept = std::get_if<Rectangle>(&region_))
    return part.left >= kept->left - kTolerance && part.right <= kept->right + kTolerance &&
           part.top >= kept->top - kTolerance && part.bottom <= kept->bottom + kTolerance;
  const Image& mask = std::get<Mask>(region_).image;
  const int side = std::min(mask.width, mask.height), x0 = (mask.width - side) / 2, y0 = (mask.height - side) / 2;
  const auto first = [&](double at) { return static_cast<int>(std::floor(at * side + kTolerance)); };
  const auto end = [&](double at) { return std::min(side, static_cast<int>(std::ceil(at * side - kTolerance))); };
  for (int y = first(part.top); y < end(part.bottom); ++y)
    for (int x = first(part.left); x < end(part.right); ++x) {
      const uint8_t* pixel = mask.at(x0 + x, y0 + y);
      if (std::any_of(pixel, pixel + mask.channels, [](uint8_t value) { return value < 128; })) return false;
    }
  return true;
}

std::vector<bool> KeepRegion::tokens(int64_t n, int64_t grid) const {
  std::vector<bool> kept(static_cast<size_t>(n));
  if (const auto* every = std::get_if<Every>(&region_)) {
    for (int64_t i = 0; i < n; ++i) kept[static_cast<size_t>(i)] = i % every->n == 0;
    return kept;
  }
  const auto* rectangle = std::get_if<Rectangle>(&region_);
  if (rectangle && rectangle->right - rectangle->left == 1 && rectangle->bottom - rectangle->top == 1)
    return std::vector<bool>(static_cast<size_t>(n), true);
  check(grid > 0 && grid * grid == n,
        "its tokens lie on no square grid, so that 'all' or 'every:N' can be kept of them");
  const auto side = static_cast<double>(grid);
  for (int64_t i = 0; i < n; ++i) {
    const auto column = static_cast<double>(i % grid), row = static_cast<double>(i / grid);
    kept[static_cast<size_t>(i)] = keeps({column / side, row / side, (column + 1) / side, (row + 1) / side});
  }
  return kept;
}

void KeepRegion::check_size(int width, int height, const std::string& origin) const {
  const auto* mask = std::get_if<Mask>(&region_);
  if (!mask) return;
  const int w = mask->image.width, h = mask->image.height;
  if (width == 0)
    check(w == h, mask->file, ": the mask is ", w, " x ", h, " pixels; for tokens it is square");
  else
    check(w == width && h == height, mask->file, ": the mask is ", w, " x ", h, " pixels, and ", origin, " is ", width,
          " x ", height, "; make them equal");
}

Image KeepRegion::paste(const Image& square, const Image& generated) const {
  check(!std::holds_alternative<Every>(region_), "keep every:N is no region of pixels that can be pasted");
  check(square.width == generated.width && square.height == generated.height && square.channels == generated.channels,
        "[KeepRegion::paste] the images are of different sizes");
  Image result = generated;
  const double width = square.width, height = square.height;
  for (int y = 0; y < square.height; ++y)
    for (int x = 0; x < square.width; ++x)
      if (keeps({x / width, y / height, (x + 1) / width, (y + 1) / height}))
        std::copy_n(square.at(x, y), square.channels, result.at(x, y));
  return result;
}

}  // namespace fourm
