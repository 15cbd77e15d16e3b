#include "fourm/draw/lettering.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <unicode/utf8.h>

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

// The font file, as it is, in the read-only data of the program.
asm(".section .rodata\n"
    ".balign 16\n"
    "fourm_font_begin: .incbin \"" FOURM_FONT
    "\"\n"
    "fourm_font_end:\n"
    ".previous");
extern "C" const unsigned char fourm_font_begin[], fourm_font_end[];  // NOLINT(modernize-avoid-c-arrays)

namespace fourm {
namespace {

constexpr int kFixedPoint = 6;  // fractional bits of FreeType's lengths

int whole_pixels(FT_Pos length) { return static_cast<int>((length + (1 << (kFixedPoint - 1))) >> kFixedPoint); }

class Font {
 public:
  Font() {
    check(FT_Init_FreeType(&library_) == 0, "FreeType cannot be initialised");
    check(FT_New_Memory_Face(library_, fourm_font_begin, fourm_font_end - fourm_font_begin, 0, &face_) == 0,
          "the embedded font cannot be read");
  }
  ~Font() { FT_Done_FreeType(library_); }
  Font(const Font&) = delete;
  Font& operator=(const Font&) = delete;

  const FT_Size_Metrics& metrics(int size) {
    FT_Set_Pixel_Sizes(face_, 0, static_cast<FT_UInt>(size));
    return face_->size->metrics;
  }

  // The glyph as an image of coverage, valid until the next call.
  const FT_GlyphSlotRec& glyph(char32_t character) {
    check(FT_Load_Char(face_, character, FT_LOAD_RENDER | FT_LOAD_TARGET_LIGHT) == 0,
          "the embedded font has no glyph for character ", static_cast<uint32_t>(character));
    return *face_->glyph;
  }

 private:
  FT_Library library_ = nullptr;
  FT_Face face_ = nullptr;
};

// A face of FreeType belongs to one thread at a time.
Font& font() {
  thread_local Font font;
  return font;
}

std::vector<char32_t> characters(std::string_view text) {
  std::vector<char32_t> out;
  const auto length = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < length;) {
    int32_t character = 0;
    U8_NEXT_OR_FFFD(text.data(), at, length, character);
    out.push_back(static_cast<char32_t>(character));
  }
  return out;
}

void blend(Image& image, int left, int top, const FT_Bitmap& coverage, Colour colour) {
  for (int row = 0; row < static_cast<int>(coverage.rows); ++row)
    for (int column = 0; column < static_cast<int>(coverage.width); ++column) {
      const int x = left + column, y = top + row;
      if (x < 0 || y < 0 || x >= image.width || y >= image.height) continue;
      const int share = coverage.buffer[row * coverage.pitch + column];
      uint8_t* pixel = image.at(x, y);
      for (size_t c = 0; c < colour.size(); ++c)
        pixel[c] = static_cast<uint8_t>((pixel[c] * (255 - share) + colour[c] * share + 127) / 255);
    }
}

}  // namespace

int line_height(int size) {
  const FT_Size_Metrics& metrics = font().metrics(size);
  return whole_pixels(metrics.ascender) + whole_pixels(-metrics.descender);
}

int text_width(std::string_view text, int size) {
  font().metrics(size);
  int width = 0;
  for (const char32_t character : characters(text)) width += whole_pixels(font().glyph(character).advance.x);
  return width;
}

void draw_text(Image& image, int x, int y, std::string_view text, Colour colour, int size) {
  const int baseline = y + whole_pixels(font().metrics(size).ascender);
  for (const char32_t character : characters(text)) {
    const FT_GlyphSlotRec& glyph = font().glyph(character);
    blend(image, x + glyph.bitmap_left, baseline - glyph.bitmap_top, glyph.bitmap, colour);
    x += whole_pixels(glyph.advance.x);
  }
}

std::vector<std::string> wrap_text(const std::string& text, int width, int size) {
  std::vector<std::string> lines;
  for (const auto& word : split(text, ' ')) {
    const std::string longer = lines.empty() ? word : lines.back() + " " + word;
    if (lines.empty() || text_width(longer, size) > width)
      lines.push_back(word);
    else
      lines.back() = longer;
  }
  return lines;
}

std::string shortened_text(std::string_view text, int width, int size) {
  if (text_width(text, size) <= width) return std::string(text);
  const std::string end = "…";
  auto length = static_cast<int32_t>(text.size());
  std::string out;
  do {
    U8_BACK_1(reinterpret_cast<const uint8_t*>(text.data()), 0, length);
    out = concat(text.substr(0, static_cast<size_t>(length)), end);
  } while (length > 0 && text_width(out, size) > width);
  return out;
}

}  // namespace fourm
