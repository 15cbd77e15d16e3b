// UTF-8 and the text normalisation of BERT (Devlin et al. 2019), as the `tokenizers` package does it.
#pragma once

#include <string>
#include <string_view>

namespace fourm {

/// The code point at `position`, which moves past it. Bytes that are not UTF-8 give U+FFFD. position < text.size().
char32_t next_code_point(std::string_view text, size_t& position);

/// The code point that ends just before `position`, which moves to its start. position > 0.
char32_t previous_code_point(std::string_view text, size_t& position);

void append_utf8(std::string& text, char32_t code_point);

/// The text with every invalid sequence replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);

bool is_white_space(char32_t c);
bool is_word_character(char32_t c);  ///< `\w`: letters, marks, digits, connectors and joiners
bool is_punctuation(char32_t c);     ///< category P, and the printable ASCII characters that are not alphanumeric
int decimal_digit(char32_t c);       ///< 0 to 9 for a decimal digit of any script, else -1
bool is_ideograph(char32_t c);       ///< CJK ideographs: not kana, not Hangul

struct BertNormalizer {
  bool clean_text = true;            ///< drop control characters, make white space plain spaces
  bool handle_chinese_chars = true;  ///< a space on both sides of every ideograph
  bool strip_accents = true;         ///< decompose (NFD) and drop category Mn
  bool lowercase = true;

  /// `text` must be valid UTF-8.
  std::string operator()(std::string_view text) const;
};

}  // namespace fourm
