#include "fourm/io/image.h"

#include <algorithm>

#include "fourm/io/image_codec.h"
#include "fourm/io/image_file.h"

namespace fourm {

void check_image_size(uint64_t width, uint64_t height, const std::string& origin) {
  check(width > 0 && height > 0 && width <= 1u << 24 && height <= 1u << 24 && width * height <= kMaxImagePixels, origin,
        ": the image is ", width, "x", height, ", at most ", kMaxImagePixels, " pixels are read");
}

// The codec's function for the format of the bytes.
template <class Function>
static auto by_format(std::string_view bytes, const std::string& origin, Function* png, Function* jpeg,
                      Function* webp) {
  const std::string_view format = image_format(bytes);
  if (format == "PNG") return png(bytes, origin);
  if (format == "JPEG") return jpeg(bytes, origin);
  if (format == "WebP") return webp(bytes, origin);
  fail(origin, format.empty() ? ": is not an image" : concat(": is a ", format, " image"),
       "; the supported formats are ", supported_images());
}

static DecodedImage decode(std::string_view bytes, const std::string& origin) {
  return by_format(bytes, origin, decode_png, decode_jpeg, decode_webp);
}

ImageSize decode_image_size(std::string_view bytes, const std::string& origin) {
  const ImageHeader header = by_format(bytes, origin, png_header, jpeg_header, webp_header);
  if (swaps_sides(header.orientation)) return {header.height, header.width};
  return {header.width, header.height};
}

// RGB, where alpha lets white through.
static Image over_white(const Image& rgba) {
  Image rgb(rgba.width, rgba.height, 3);
  for (size_t i = 0; i < rgba.area(); ++i) {
    const uint8_t* from = &rgba.pixels[4 * i];
    uint8_t* to = &rgb.pixels[3 * i];
    const int alpha = from[3];
    for (int c = 0; c < 3; ++c)
      to[c] = alpha == 255 ? from[c] : static_cast<uint8_t>((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
  return rgb;
}

Image decode_image_rgba(std::string_view bytes, const std::string& origin) {
  DecodedImage decoded = decode(bytes, origin);
  if (!to_srgb(decoded.pixels, decoded.layout, decoded.profile)) ink_to_rgb(decoded.pixels, decoded.layout);
  return upright(std::move(decoded.pixels), decoded.orientation);
}

Image decode_image(std::string_view bytes, const std::string& origin) {
  return over_white(decode_image_rgba(bytes, origin));
}

Image decode_normals(std::string_view bytes, const std::string& origin) {
  DecodedImage decoded = decode(bytes, origin);
  check(decoded.orientation == 1, origin, ": has the EXIF orientation ", decoded.orientation,
        ", and it is unclear whether its vectors are turned too; save it upright, without EXIF");
  constexpr uint8_t kOpaque = 128;  // least alpha of a known pixel
  Image normals(decoded.pixels.width, decoded.pixels.height, 3);
  for (size_t i = 0; i < normals.area(); ++i)
    if (const uint8_t* rgba = &decoded.pixels.pixels[4 * i]; rgba[3] >= kOpaque)
      std::copy_n(rgba, 3, &normals.pixels[3 * i]);
  return normals;
}

Image read_image(const fs::path& path) { return decode_image(read_file(path), path.string()); }
Raster<uint16_t> read_png16(const fs::path& path) { return decode_png16(read_file(path), path.string()); }

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
