// Images and maps as plain arrays, and their files: JPEG, PNG and WebP in, PNG out. The format of a file follows from its
// first bytes, never from its name. Sizes are checked before anything is allocated; a broken file is one Error.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/core/file.h"

namespace fourm {

/// Rows from the top, pixels from the left, channels interleaved.
template <class T>
struct Raster {
  int width = 0, height = 0, channels = 0;
  std::vector<T> pixels;

  Raster() = default;
  Raster(int w, int h, int c, T fill = T())
      : width(w), height(h), channels(c), pixels(static_cast<size_t>(w) * h * c, fill) {}

  T* at(int x, int y) { return &pixels[(static_cast<size_t>(y) * width + x) * channels]; }
  const T* at(int x, int y) const { return &pixels[(static_cast<size_t>(y) * width + x) * channels]; }
  size_t area() const { return static_cast<size_t>(width) * height; }
  bool operator==(const Raster&) const = default;
};

using Image = Raster<uint8_t>;  ///< 8-bit sRGB (3 channels) or grey (1)

using Colour = std::array<uint8_t, 3>;
using TextChunks = std::vector<std::pair<std::string, std::string>>;  ///< keyword (1 to 79 bytes) and Latin-1 text

inline constexpr uint64_t kMaxImagePixels = uint64_t{1} << 28;  ///< larger images are refused

/// 8-bit RGB in sRGB of a JPEG, PNG or WebP, upright: the EXIF orientation is applied. Grey is repeated, palettes are looked
/// up, alpha is laid over white, 16 bits are scaled to 8. Colours are converted by the ICC profile; without one they
/// are taken for sRGB, and CMYK is multiplied out. Of an animation the first frame is read.
Image read_image(const fs::path& path);
/// The same from memory; `origin` names the bytes in errors.
Image decode_image(std::string_view bytes, const std::string& origin);
struct ImageSize {
  int width = 0, height = 0;
  bool operator==(const ImageSize&) const = default;
};
/// The size of the image that decode_image() returns, from the file's header: no pixel is decoded.
ImageSize decode_image_size(std::string_view bytes, const std::string& origin);
/// RGBA with straight alpha (255 where the file has none).
Image decode_image_rgba(std::string_view bytes, const std::string& origin);

/// What a PNG says at its start: bits of a channel, and colour type (0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA).
struct PngKind {
  int bits = 0, colour = 0;
};
/// Nothing when the bytes are no PNG.
std::optional<PngKind> png_kind(std::string_view bytes);

/// RGB of a normal map, values as they are stored; pixels with an alpha below 128 are black, which stands for an unknown
/// normal (modality/transform.h). Error on an EXIF orientation, which would turn vectors too.
Image decode_normals(std::string_view bytes, const std::string& origin);

/// One channel of a grey PNG with 8 or 16 bits, upright; 8-bit values are kept as they are.
Raster<uint16_t> read_png16(const fs::path& path);
Raster<uint16_t> decode_png16(std::string_view bytes, const std::string& origin);

/// A label map: the indices of a palette PNG, the values of a grey PNG of up to 8 bits, upright.
Raster<uint8_t> decode_labels(std::string_view bytes, const std::string& origin);

/// The text before the pixels of a PNG file. Error when it is no PNG.
TextChunks read_png_text(const fs::path& path);

/// PNG bytes of an image of 1, 3 or 4 channels.
std::string encode_png(const Image& image, const TextChunks& text = {});
/// Grey 16-bit PNG.
std::string encode_png16(const Raster<uint16_t>& image);
/// 8-bit palette PNG; every label must be below palette.size() (1 to 256 entries).
std::string encode_label_png(const Raster<uint8_t>& labels, const std::vector<Colour>& palette);

void write_png(const fs::path& path, const Image& image, const TextChunks& text = {});
void write_png16(const fs::path& path, const Raster<uint16_t>& image);
void write_label_png(const fs::path& path, const Raster<uint8_t>& labels, const std::vector<Colour>& palette);

/// RFC 4648, with padding; for images inside HTML pages.
std::string base64(std::string_view bytes);

}  // namespace fourm
