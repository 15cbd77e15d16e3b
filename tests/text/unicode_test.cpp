#include "fourm/text/unicode.h"

#include <gtest/gtest.h>

#include "fourm/core/rng.h"

namespace fourm {
namespace {

TEST(Unicode, EveryCodePointComesBackFromBothSides) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    size_t begin = 0, end = text.size();
    ASSERT_EQ(next_code_point(text, begin), c);
    ASSERT_EQ(begin, text.size());
    ASSERT_EQ(previous_code_point(text, end), c);
    ASSERT_EQ(end, 0u);
  }
}

TEST(Unicode, InvalidBytesBecomeTheReplacementCharacter) {
  EXPECT_EQ(to_valid_utf8("a\xff"
                          "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(to_valid_utf8("cut \xE6\xBC"), "cut \xEF\xBF\xBD");
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80").find('\xED'), std::string::npos) << "a surrogate is not a character";
  EXPECT_EQ(to_valid_utf8("\xC0\xAF").find('/'), std::string::npos) << "overlong forms are not read";

  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random.below(12), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    const std::string valid = to_valid_utf8(bytes);
    EXPECT_EQ(to_valid_utf8(valid), valid);
    EXPECT_EQ(BertNormalizer()(valid).find("\xEF\xBF\xBD"), std::string::npos);
  }
}

TEST(Unicode, CharacterClasses) {
  for (const char32_t c : std::u32string(U"$+<=>^`|~_!#[]{}"))
    EXPECT_TRUE(is_punctuation(c)) << static_cast<uint32_t>(c);
  for (const char32_t c : U"\u20ac\u2192\u2122aZ09 \u00bd") EXPECT_FALSE(is_punctuation(c)) << static_cast<uint32_t>(c);
  for (const char32_t c : {U'\u2014', U'\u00a1', U'\u3002'}) EXPECT_TRUE(is_punctuation(c));
  for (const char32_t c : {U'a', U'_', U'7', U'\u00e9', U'\u0301', U'\u6f22', U'\u200d'})
    EXPECT_TRUE(is_word_character(c));
  for (const char32_t c : {U'=', U'-', U' ', U'\u20ac', U'\u00bd'}) EXPECT_FALSE(is_word_character(c));
  EXPECT_TRUE(is_ideograph(U'\u6f22'));
  EXPECT_FALSE(is_ideograph(U'\u30ab')) << "kana";
  EXPECT_FALSE(is_ideograph(U'\ud55c')) << "Hangul";
  EXPECT_TRUE(is_white_space(U'\u3000'));
}

TEST(Unicode, NormalisationFollowsItsFlags) {
  const std::string text = "Caf\u00e9\t\u0130\u03a3 \u6f22\u200b!";
  EXPECT_EQ(BertNormalizer()(text), "cafe i\u03c3  \u6f22 !");
  EXPECT_EQ((BertNormalizer{true, false, false, true}(text)), "caf\u00e9 i\u0307\u03c3 \u6f22!");
  EXPECT_EQ((BertNormalizer{true, false, true, false}(text)), "Cafe I\u03a3 \u6f22!");
  EXPECT_EQ((BertNormalizer{false, false, false, false}(text)), text);
  EXPECT_EQ(BertNormalizer()("A\tB\x07\x7f"), "a b") << "the way of plain ASCII";
}

}  // namespace
}  // namespace fourm
