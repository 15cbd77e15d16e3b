#include "fourm/text/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "fourm/core/error.h"

namespace fourm {

char32_t next_code_point(std::string_view text, size_t& position) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  UChar32 c;
  U8_NEXT_OR_FFFD(bytes, position, text.size(), c);
  return static_cast<char32_t>(c);
}

char32_t previous_code_point(std::string_view text, size_t& position) {
  const size_t window = std::min<size_t>(position, U8_MAX_LENGTH);
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data()) + (position - window);
  auto i = static_cast<int32_t>(window);
  UChar32 c;
  U8_PREV_OR_FFFD(bytes, 0, i, c);
  position -= window - i;
  return static_cast<char32_t>(c);
}

void append_utf8(std::string& text, char32_t code_point) {
  uint8_t bytes[U8_MAX_LENGTH];
  int length = 0;
  U8_APPEND_UNSAFE(bytes, length, code_point);
  text.append(reinterpret_cast<const char*>(bytes), length);
}

static bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string to_valid_utf8(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) append_utf8(out, next_code_point(text, i));
  return out;
}

/// The general category as a mask. The reference's tables stop at Unicode 8: later characters count as unassigned
/// there.
static uint32_t category(char32_t c) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] > 8 ? U_GC_CN_MASK : U_GET_GC_MASK(static_cast<UChar32>(c));
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return u_isUWhiteSpace(static_cast<UChar32>(c));
}

bool is_word_character(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
  const auto icu = static_cast<UChar32>(c);
  return u_isUAlphabetic(icu) || (U_GET_GC_MASK(icu) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) ||
         u_hasBinaryProperty(icu, UCHAR_JOIN_CONTROL);
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return c > ' ' && c < 0x7f && (c == '_' || !is_word_character(c));
  return category(c) & U_GC_P_MASK;
}

int decimal_digit(char32_t c) { return u_charDigitValue(static_cast<UChar32>(c)); }

bool is_ideograph(char32_t c) {
  static constexpr char32_t kRanges[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                            {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                            {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return c >= 0x3400 && std::any_of(std::begin(kRanges), std::end(kRanges),
                                    [c](const auto& range) { return c >= range[0] && c <= range[1]; });
}

/// Control, format and private-use characters, but not tab and line ends; zero and the replacement character.
static bool is_dropped(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  if (c < 0x80) return c < 0x20 || c == 0x7f;
  return c == 0xFFFD || (category(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK));
}

static std::u32string decompose_without_marks(const std::u32string& text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(status);
  check(U_SUCCESS(status), "the Unicode tables of ICU cannot be loaded: ", u_errorName(status));
  const auto decomposed = nfd->normalize(
      icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()), static_cast<int32_t>(text.size())),
      status);
  check(U_SUCCESS(status), "text cannot be normalised: ", u_errorName(status));
  std::u32string out;
  out.reserve(text.size());
  for (int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
    const auto c = static_cast<char32_t>(decomposed.char32At(i));
    if (c < 0x80 || !(category(c) & U_GC_MN_MASK)) out += c;
  }
  return out;
}

/// Without context: a capital sigma at a word's end becomes the ordinary small one, as in the reference.
static void append_lower(std::string& out, char32_t c) {
  if (c == 0x130) {
    out += "i\xCC\x87";  // the one character whose lower case is two
  } else {
    append_utf8(out, static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
  }
}

std::string BertNormalizer::operator()(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  if (is_ascii(text)) {
    for (char c : text) {
      if (clean_text && is_dropped(c)) continue;
      if (clean_text && is_white_space(c)) c = ' ';
      out += lowercase && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
  }
  check(text.size() < (size_t{1} << 29), "a text of ", text.size(), " bytes is too long to normalise; split it");
  std::u32string wide;
  wide.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    char32_t c = next_code_point(text, i);
    if (clean_text && is_dropped(c)) continue;
    if (clean_text && is_white_space(c)) c = ' ';
    if (handle_chinese_chars && is_ideograph(c)) {
      wide.append({U' ', c, U' '});
    } else {
      wide += c;
    }
  }
  if (strip_accents) wide = decompose_without_marks(wide);
  for (const char32_t c : wide) lowercase ? append_lower(out, c) : append_utf8(out, c);
  return out;
}

}  // namespace fourm
