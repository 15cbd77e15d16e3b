#include "fourm/io/image.h"

#include <webp/decode.h>

#include "fourm/io/image_codec.h"

namespace fourm {

void check_image_size(uint64_t width, uint64_t height, const std::string& origin) {
  check(width > 0 && height > 0 && width <= 1u << 24 && height <= 1u << 24 && width * height <= kMaxImagePixels, origin,
        ": the picture is ", width, "x", height, ", at most ", kMaxImagePixels, " pixels are read");
}

static Image decode_webp(std::string_view bytes, const std::string& origin) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  check(WebPGetFeatures(data, bytes.size(), &features) == VP8_STATUS_OK, origin, ": broken WebP header");
  check(!features.has_animation, origin, ": animated WebP is not read; give a still picture");
  check_image_size(static_cast<uint64_t>(features.width), static_cast<uint64_t>(features.height), origin);
  Image image(features.width, features.height, 4);
  check(WebPDecodeRGBAInto(data, bytes.size(), image.pixels.data(), image.pixels.size(), 4 * features.width), origin,
        ": broken or cut WebP");
  return image;
}

Image decode_image_rgba(std::string_view bytes, const std::string& origin) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return decode_png_rgba(bytes, origin);
  if (bytes.starts_with("\xff\xd8\xff")) return decode_jpeg_rgba(bytes, origin);
  if (bytes.size() >= 12 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP")
    return decode_webp(bytes, origin);
  fail(origin, ": is not a JPEG, PNG or WebP picture");
}

Image decode_image(std::string_view bytes, const std::string& origin) {
  const Image rgba = decode_image_rgba(bytes, origin);
  Image rgb(rgba.width, rgba.height, 3);
  for (size_t i = 0; i < rgba.area(); ++i) {
    const uint8_t* p = &rgba.pixels[4 * i];
    for (int c = 0; c < 3; ++c)
      rgb.pixels[3 * i + c] = static_cast<uint8_t>((p[c] * p[3] + 255 * (255 - p[3]) + 127) / 255);
  }
  return rgb;
}

Image read_image(const fs::path& path) { return decode_image(read_file(path), path.string()); }
Raster<uint16_t> read_png16(const fs::path& path) { return decode_png16(read_file(path), path.string()); }
Raster<uint8_t> read_labels(const fs::path& path) { return decode_labels(read_file(path), path.string()); }

void write_png(const fs::path& path, const Image& image, const TextChunks& text) {
  write_file(path, encode_png(image, text));
}
void write_png16(const fs::path& path, const Raster<uint16_t>& image) { write_file(path, encode_png16(image)); }
void write_label_png(const fs::path& path, const Raster<uint8_t>& labels, const std::vector<Colour>& palette) {
  write_file(path, encode_label_png(labels, palette));
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;
    for (size_t k = 0; k < 3; ++k) word = word << 8 | (k < n ? static_cast<uint8_t>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) out += k <= n ? kDigits[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

}  // namespace fourm
