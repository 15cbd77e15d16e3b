#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "fourm/io/image_codec.h"
#include "fourm/io/image_file.h"

namespace fourm {
namespace {

// libpng reports errors by a call that must not return. It jumps back to guarded(), whose steps hold only plain data,
// so that no destructor is skipped.
struct PngState {
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[160] = "";
  std::string_view rest;  // still to be read

  static void on_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngState*>(png_get_error_ptr(png));
    std::strncpy(self->message, text, sizeof self->message - 1);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}

  template <class Step>
  bool guarded(const Step& step) {
    if (setjmp(png_jmpbuf(png))) return false;
    step();
    return true;
  }
};

struct PngReader : PngState {
  std::string origin;
  png_uint_32 width = 0, height = 0;
  int depth = 0, colour = 0;

  PngReader(std::string_view bytes, const std::string& from) : origin(from) {
    rest = bytes;
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, static_cast<PngState*>(this), on_error, on_warning);
    info = png ? png_create_info_struct(png) : nullptr;
    check(info, origin, ": no memory for a PNG reader");
    try {
      step([&] {
        png_set_user_limits(png, 1u << 24, 1u << 24);
        png_set_read_fn(png, static_cast<PngState*>(this), [](png_structp reader, png_bytep to, size_t n) {
          auto* self = static_cast<PngState*>(png_get_io_ptr(reader));
          if (n > self->rest.size()) png_error(reader, "the file is cut");
          std::memcpy(to, self->rest.data(), n);
          self->rest.remove_prefix(n);
        });
        png_read_info(png, info);
        png_get_IHDR(png, info, &width, &height, &depth, &colour, nullptr, nullptr, nullptr);
      });
      check_image_size(width, height, origin);
    } catch (...) {
      png_destroy_read_struct(&png, &info, nullptr);
      throw;
    }
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  template <class Step>
  void step(const Step& body) {
    check(guarded(body), origin, ": broken PNG (", message, ")");
  }

  /// After the transforms are set: the rows, checked to be `channels` values of T.
  template <class T>
  Raster<T> pixels(int channels) {
    step([&] {
      png_set_interlace_handling(png);
      png_read_update_info(png, info);
    });
    check(png_get_rowbytes(png, info) == sizeof(T) * channels * width, origin, ": PNG rows of an unexpected length");
    Raster<T> out(static_cast<int>(width), static_cast<int>(height), channels);
    std::vector<png_bytep> rows(height);
    for (int y = 0; y < out.height; ++y) rows[y] = reinterpret_cast<png_bytep>(out.at(0, y));
    step([&] {
      png_read_image(png, rows.data());
      png_read_end(png, info);
    });
    return out;
  }

  /// Of the EXIF data, which may stand before or behind the pixels.
  int orientation() {
    png_bytep exif = nullptr;
    png_uint_32 size = 0;
    if (!png_get_eXIf_1(png, info, &size, &exif)) return 1;
    return exif_orientation({reinterpret_cast<const char*>(exif), size});
  }
};

// Error when the bytes are no PNG, which says what they are.
void check_png(std::string_view bytes, const std::string& origin, const char* expected) {
  const std::string_view format = image_format(bytes);
  check(format == "PNG", origin, format.empty() ? ": is not an image" : concat(": is a ", format, " image"),
        ", expected ", expected);
}

struct PngWriter : PngState {
  std::string out;

  PngWriter() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, static_cast<PngState*>(this), on_error, on_warning);
    info = png ? png_create_info_struct(png) : nullptr;
    check(info, "no memory for a PNG writer");
  }
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  template <class T>
  std::string write(const Raster<T>& image, int colour, const std::vector<Colour>& palette, const TextChunks& text) {
    check_image_size(static_cast<uint64_t>(image.width), static_cast<uint64_t>(image.height), "[encode_png]");
    check(image.pixels.size() == image.area() * image.channels, "[encode_png] ", image.pixels.size(),
          " values do not make ", image.width, "x", image.height, "x", image.channels);
    std::vector<png_text> chunks(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
      check(!text[i].first.empty() && text[i].first.size() < 80, "[encode_png] a text keyword has 1 to 79 bytes, got '",
            text[i].first, "'");
      chunks[i] = {};
      chunks[i].compression = PNG_TEXT_COMPRESSION_NONE;
      chunks[i].key = const_cast<char*>(text[i].first.c_str());
      chunks[i].text = const_cast<char*>(text[i].second.c_str());
      chunks[i].text_length = text[i].second.size();
    }
    std::vector<png_color> colours;
    for (const auto& c : palette) colours.push_back({c[0], c[1], c[2]});
    std::vector<png_bytep> rows(static_cast<size_t>(image.height));
    for (int y = 0; y < image.height; ++y) rows[y] = reinterpret_cast<png_bytep>(const_cast<T*>(image.at(0, y)));
    const bool ok = guarded([&] {
      png_set_write_fn(
          png, static_cast<PngState*>(this),
          [](png_structp writer, png_bytep data, size_t n) {
            static_cast<PngWriter*>(static_cast<PngState*>(png_get_io_ptr(writer)))
                ->out.append(reinterpret_cast<char*>(data), n);
          },
          nullptr);
      png_set_compression_level(png, 4);
      png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height),
                   8 * sizeof(T), colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
      if (!colours.empty()) png_set_PLTE(png, info, colours.data(), static_cast<int>(colours.size()));
      if (!chunks.empty()) png_set_text(png, info, chunks.data(), static_cast<int>(chunks.size()));
      png_write_info(png, info);
      if (sizeof(T) == 2) png_set_swap(png);
      png_write_image(png, rows.data());
      png_write_end(png, info);
    });
    check(ok, "[encode_png] ", message);
    return std::move(out);
  }
};

}  // namespace

TextChunks read_png_text(const fs::path& path) {
  const std::string bytes = read_file(path), origin = path.string();
  check_png(bytes, origin, "a PNG");
  PngReader reader(bytes, origin);
  png_textp chunks = nullptr;
  const int count = png_get_text(reader.png, reader.info, &chunks, nullptr);
  TextChunks text;
  for (int i = 0; i < count; ++i) text.emplace_back(chunks[i].key, std::string(chunks[i].text, chunks[i].text_length));
  return text;
}

// The EXIF data of a PNG, which may stand behind the pixels: found by the lengths of the chunks, without their checksums.
static std::string_view exif_chunk(std::string_view bytes) {
  constexpr size_t kSignature = 8, kFrame = 12;  // length, name and checksum around a chunk's data
  for (size_t at = kSignature; at + kFrame <= bytes.size();) {
    size_t length = 0;
    for (size_t k = 0; k < 4; ++k) length = length << 8 | static_cast<uint8_t>(bytes[at + k]);
    if (length > bytes.size() - at - kFrame) break;
    if (bytes.substr(at + 4, 4) == "eXIf") return bytes.substr(at + 8, length);
    at += length + kFrame;
  }
  return {};
}

ImageHeader png_header(std::string_view bytes, const std::string& origin) {
  const PngReader reader(bytes, origin);
  return {static_cast<int>(reader.width), static_cast<int>(reader.height), exif_orientation(exif_chunk(bytes))};
}

DecodedImage decode_png(std::string_view bytes, const std::string& origin) {
  PngReader reader(bytes, origin);
  reader.step([&] {
    png_set_expand(reader.png);
    png_set_scale_16(reader.png);
    png_set_gray_to_rgb(reader.png);
    png_set_add_alpha(reader.png, 255, PNG_FILLER_AFTER);
  });
  DecodedImage decoded;
  decoded.pixels = reader.pixels<uint8_t>(4);
  if (!(reader.colour & PNG_COLOR_MASK_COLOR)) decoded.layout = PixelLayout::kGrey;
  decoded.orientation = reader.orientation();
  png_charp name = nullptr;
  png_bytep profile = nullptr;
  png_uint_32 size = 0;
  int compression = 0;
  if (png_get_iCCP(reader.png, reader.info, &name, &compression, &profile, &size))
    decoded.profile.assign(reinterpret_cast<const char*>(profile), size);
  return decoded;
}

std::optional<PngKind> png_kind(std::string_view bytes) {
  if (!bytes.starts_with("\x89PNG\r\n\x1a\n") || bytes.size() < 26) return std::nullopt;
  return PngKind{static_cast<uint8_t>(bytes[24]), static_cast<uint8_t>(bytes[25])};
}

Raster<uint16_t> decode_png16(std::string_view bytes, const std::string& origin) {
  check_png(bytes, origin, "a grey PNG with 8 or 16 bits");
  PngReader reader(bytes, origin);
  check(reader.colour == PNG_COLOR_TYPE_GRAY && reader.depth >= 8, origin,
        ": expected a grey PNG with 8 or 16 bits, found colour type ", reader.colour, " with ", reader.depth, " bits");
  if (reader.depth == 8) {
    const auto narrow = reader.pixels<uint8_t>(1);
    Raster<uint16_t> wide(narrow.width, narrow.height, 1);
    std::copy(narrow.pixels.begin(), narrow.pixels.end(), wide.pixels.begin());
    return upright(std::move(wide), reader.orientation());
  }
  reader.step([&] { png_set_swap(reader.png); });
  auto wide = reader.pixels<uint16_t>(1);
  return upright(std::move(wide), reader.orientation());
}

Raster<uint8_t> decode_labels(std::string_view bytes, const std::string& origin) {
  check_png(bytes, origin, "a label map as a PNG (grey or palette)");
  PngReader reader(bytes, origin);
  check((reader.colour == PNG_COLOR_TYPE_GRAY || reader.colour == PNG_COLOR_TYPE_PALETTE) && reader.depth <= 8, origin,
        ": expected a palette PNG or a grey PNG of up to 8 bits, found colour type ", reader.colour, " with ",
        reader.depth, " bits");
  reader.step([&] { png_set_packing(reader.png); });  // one byte a pixel, value kept
  auto labels = reader.pixels<uint8_t>(1);
  return upright(std::move(labels), reader.orientation());
}

std::string encode_png(const Image& image, const TextChunks& text) {
  check(image.channels == 1 || image.channels == 3 || image.channels == 4, "[encode_png] 1, 3 or 4 channels, got ",
        image.channels);
  const int colour = image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                     : image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                           : PNG_COLOR_TYPE_RGB_ALPHA;
  return PngWriter().write(image, colour, {}, text);
}

std::string encode_png16(const Raster<uint16_t>& image) {
  check(image.channels == 1, "[encode_png16] one channel, got ", image.channels);
  return PngWriter().write(image, PNG_COLOR_TYPE_GRAY, {}, {});
}

std::string encode_label_png(const Raster<uint8_t>& labels, const std::vector<Colour>& palette) {
  check(labels.channels == 1 && !palette.empty() && palette.size() <= 256,
        "[encode_label_png] one channel and 1 to 256 colours, got ", labels.channels, " and ", palette.size());
  for (const uint8_t label : labels.pixels)
    check(label < palette.size(), "[encode_label_png] label ", int{label}, " has no colour in a palette of ",
          palette.size());
  return PngWriter().write(labels, PNG_COLOR_TYPE_PALETTE, palette, {});
}

}  // namespace fourm
