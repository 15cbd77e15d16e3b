#include "fourm/modality/text_warnings.h"

#include <gtest/gtest.h>

#include "fourm/text/wordpiece_trainer.h"

namespace fourm {
namespace {

class TextWarnings : public testing::Test {
 protected:
  TextWarnings() {
    WordPieceTrainer trainer(
        {.vocabulary_size = 400, .sentinels = 20, .coordinates = 32, .classes = {"bed", "chair"}, .min_frequency = 0});
    for (const char* text : {"a room with a bed", "a room", "xz zq yv wj"}) trainer.add(text);
    words.emplace(WordPiece::from_json(trainer.tokenizer_json(), "the test"));
  }
  std::string topics(const std::string& text, const std::string& modality = "caption", int64_t max_tokens = 16) const {
    std::string all;
    for (const auto& warning : warnings_of_text(text, words->encode(text), *words, modality, max_tokens))
      all += warning.topic + " ";
    return all;
  }
  std::optional<WordPiece> words;
};

TEST_F(TextWarnings, PlainTextsHaveNone) {
  EXPECT_EQ(topics("a room with a bed"), "");
  EXPECT_EQ(topics("v0=1 v1=2 v2=3 v3=4 bed", "det"), "");
  EXPECT_EQ(topics("", "det"), "");
}

TEST_F(TextWarnings, ACutTextSaysWhatIsLeft) {
  const auto warnings = warnings_of_ids(words->encode("room bed chair"), *words, "label", 2);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].topic, "cut");
  EXPECT_TRUE(warnings[0].message.starts_with("has ")) << warnings[0].message;
  EXPECT_NE(warnings[0].message.find("label keeps the first 2"), std::string::npos) << warnings[0].message;
  const auto fits = words->encode("room bed chair");
  EXPECT_TRUE(warnings_of_ids(fits, *words, "label", static_cast<int64_t>(fits.size()) + 1).empty());
}

TEST_F(TextWarnings, WordsInSingleLetters) {
  const std::string odd = "xqvj";  // letters that are known, in no known piece
  const auto tokens = words->tokens(words->encode(odd));
  ASSERT_EQ(tokens.size(), 4u);
  const std::string text = "a room " + odd + " a bed";
  const auto warnings = warnings_of_text(text, words->encode(text), *words, "caption", 16);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].topic, "letters");
  EXPECT_NE(warnings[0].message.find("'xqvj'"), std::string::npos) << warnings[0].message;
}

TEST_F(TextWarnings, UnknownWordsAreNamedOnce) {
  EXPECT_EQ(unknown_words("a room with a \u4e00 bed \u4e8c \u4e00", *words),
            (std::vector<std::string>{"\u4e00", "\u4e8c"}));
  EXPECT_TRUE(unknown_words("a room with a bed", *words).empty());
  EXPECT_EQ(unknown_words("v0=1 v1=2 v2=3 v3=400 bed", *words), std::vector<std::string>{"v3=400"})
      << "beyond the bins";
}

TEST_F(TextWarnings, ReversedCorners) {
  EXPECT_EQ(topics("v0=3 v1=2 v2=1 v3=4 bed", "det"), "boxes ");
  EXPECT_EQ(topics("v0=1 v1=2 v2=3 v3=4 bed v0=1 v1=9 v2=3 v3=4 chair", "det"), "boxes ");
}

TEST_F(TextWarnings, DetectionTextWithoutBoxes) {
  EXPECT_EQ(topics("a bed", "det"), "boxes ");
  EXPECT_EQ(topics("a bed", "det@32"), "boxes ");
  EXPECT_EQ(topics("a bed", "details"), "");
  EXPECT_EQ(topics("v0=1 v1=2 bed", "det"), "boxes ");
}

}  // namespace
}  // namespace fourm
