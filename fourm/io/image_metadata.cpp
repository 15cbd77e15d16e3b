#include "fourm/io/image_metadata.h"

#include <lcms2.h>

#include <cmath>
#include <cstdlib>
#include <memory>

namespace fourm {
namespace {

using Profile = std::unique_ptr<void, cmsBool (*)(void*)>;

constexpr int kSameColour = 2;  // levels of 255
// Grey as RGBA with equal R, G and B, of which the first is read.
constexpr cmsUInt32Number kFirstOfFour = COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1) | EXTRA_SH(3) | BYTES_SH(1);

// RGBA of a grid of colours (of all greys), to see whether a transform changes any.
std::vector<uint8_t> sample_colours(bool grey) {
  std::vector<uint8_t> colours;
  const auto add = [&](int r, int g, int b) {
    for (const int v : {r, g, b, 255}) colours.push_back(static_cast<uint8_t>(v));
  };
  for (int v = 0; grey && v < 256; ++v) add(v, v, v);
  for (int rgb = 0; !grey && rgb < 18 * 18 * 18; ++rgb) add(15 * (rgb / 324), 15 * (rgb / 18 % 18), 15 * (rgb % 18));
  return colours;
}

bool nearly_equal(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (std::abs(a[i] - b[i]) > kSameColour) return false;
  return true;
}

}  // namespace

int exif_orientation(std::string_view exif) {
  constexpr uint64_t kTag = 0x0112, kShort = 3, kLong = 4;
  if (exif.starts_with(std::string_view("Exif\0\0", 6))) exif.remove_prefix(6);
  const bool little = exif.starts_with("II");
  if (!little && !exif.starts_with("MM")) return 1;
  // 0 beyond the end.
  const auto number = [&](uint64_t at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes && at + bytes <= exif.size(); ++i)
      value |= uint64_t{static_cast<uint8_t>(exif[at + i])} << 8 * (little ? i : bytes - 1 - i);
    return value;
  };
  if (number(2, 2) != 42) return 1;
  const uint64_t directory = number(4, 4), entries = number(directory, 2);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t entry = directory + 2 + 12 * i;
    if (entry + 12 > exif.size()) break;
    if (number(entry, 2) != kTag) continue;
    const uint64_t type = number(entry + 2, 2);
    if (number(entry + 4, 4) != 1 || (type != kShort && type != kLong)) return 1;
    const uint64_t value = number(entry + 8, type == kShort ? 2 : 4);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

bool to_srgb(Image& pixels, PixelLayout layout, std::string_view profile) {
  if (profile.empty()) return false;
  const std::unique_ptr<_cmsContext_struct, void (*)(cmsContext)> context(cmsCreateContext(nullptr, nullptr),
                                                                          cmsDeleteContext);
  const Profile from(
      cmsOpenProfileFromMemTHR(context.get(), profile.data(), static_cast<cmsUInt32Number>(profile.size())),
      cmsCloseProfile);
  if (!from) return false;
  const cmsColorSpaceSignature space = cmsGetColorSpace(from.get());
  const bool cmyk = layout == PixelLayout::kCmyk || layout == PixelLayout::kInvertedCmyk;
  const bool grey = layout == PixelLayout::kGrey && space == cmsSigGrayData;
  if (!grey && space != (cmyk ? cmsSigCmykData : cmsSigRgbData)) return false;
  const Profile srgb(cmsCreate_sRGBProfileTHR(context.get()), cmsCloseProfile);
  const cmsUInt32Number format = layout == PixelLayout::kCmyk           ? TYPE_CMYK_8
                                 : layout == PixelLayout::kInvertedCmyk ? TYPE_CMYK_8_REV
                                 : grey                                 ? kFirstOfFour
                                                                        : TYPE_RGBA_8;
  const std::unique_ptr<void, void (*)(void*)> transform(
      cmsCreateTransformTHR(context.get(), from.get(), format, srgb.get(), TYPE_RGBA_8, INTENT_PERCEPTUAL, 0),
      cmsDeleteTransform);
  if (!transform) return false;
  const auto converted = [&](std::vector<uint8_t> values) {  // alpha is left alone
    cmsDoTransform(transform.get(), values.data(), values.data(), static_cast<cmsUInt32Number>(values.size() / 4));
    return values;
  };
  if (!cmyk) {
    const std::vector<uint8_t> colours = sample_colours(grey);
    if (nearly_equal(converted(colours), colours)) return true;
  }
  pixels.pixels = converted(std::move(pixels.pixels));
  for (size_t i = 3; cmyk && i < pixels.pixels.size(); i += 4) pixels.pixels[i] = 255;
  return true;
}

void ink_to_rgb(Image& pixels, PixelLayout layout) {
  if (layout != PixelLayout::kCmyk && layout != PixelLayout::kInvertedCmyk) return;
  for (size_t i = 0; i < pixels.area(); ++i) {
    uint8_t* p = &pixels.pixels[4 * i];
    const auto light = [&](int c) { return layout == PixelLayout::kInvertedCmyk ? p[c] : 255 - p[c]; };
    const int k = light(3);
    for (int c = 0; c < 3; ++c) p[c] = static_cast<uint8_t>((light(c) * k + 127) / 255);
    p[3] = 255;
  }
}

}  // namespace fourm
