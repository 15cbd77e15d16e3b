#include "fourm/text/wordpiece.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "tests/support/captured_log.h"
#include "tests/support/fixtures.h"
#include "tests/text/small_vocabulary.h"

namespace fourm {
namespace {

using Tokens = std::vector<std::string>;

Tokens split_into(const WordPiece& text, std::string_view string) { return text.tokens(text.encode(string)); }

TEST(WordPiece, NamedIdsAndSentinels) {
  const WordPiece text = test::small_tokenizer();
  EXPECT_EQ(text.pad(), 0);
  EXPECT_EQ(text.unk(), 1);
  EXPECT_EQ(text.sos(), 2);
  EXPECT_EQ(text.eos(), 3);
  EXPECT_EQ(text.sentinels().count, 10);
  EXPECT_EQ(text.sentinel(9), 13);
  EXPECT_TRUE(text.is_sentinel(4));
  EXPECT_FALSE(text.is_sentinel(14));
  EXPECT_EQ(text.id_of("v3=0"), 14 + 60);
  EXPECT_FALSE(text.id("v0=20").has_value());
  EXPECT_THROW(text.id_of("v0=20"), Error);
  EXPECT_THROW(text.sentinel(10), Error);
  EXPECT_THROW(text.tokens({text.size()}), Error);
  EXPECT_THROW(text.tokens({-1}), Error);
}

TEST(WordPiece, AddedTokensNeedTheirBoundaries) {
  const WordPiece text = test::small_tokenizer();
  EXPECT_EQ(split_into(text, "[S_1][S_2]"), (Tokens{"[S_1]", "[S_2]"}));
  EXPECT_EQ(split_into(text, "(v0=5)").at(1), "v0=5");
  EXPECT_EQ(split_into(text, "Teddy\tBear"), Tokens{"teddy bear"});
  EXPECT_EQ(split_into(text, "a[EOS]a"), (Tokens{"a", "[EOS]", "a"}));
  for (const char* string : {"x[S_1]y", "v0=5v1=6", "v0=5x", "V0=5", "v0=05", "v0=100", "[s_1]"})
    for (const int64_t id : text.encode(string)) EXPECT_FALSE(text.is_special(id) && id != text.unk()) << string;
}

TEST(WordPiece, WordsOfExactlyOneHundredCharacters) {
  const WordPiece text = test::small_tokenizer();
  EXPECT_GT(text.encode(std::string(100, 'a')).size(), 1u);
  EXPECT_EQ(text.encode(std::string(101, 'a')), std::vector<int64_t>{text.unk()});
  EXPECT_EQ(text.encode("a \xF0\x9F\x98\x80"), (std::vector<int64_t>{text.id_of("a"), text.unk()}));
}

TEST(WordPiece, LongWordsAreMeasuredInCharactersNotBytes) {
  Json json = Json::parse(test::small_tokenizer_json());
  Json& vocabulary = json["model"]["vocab"];
  const std::string letter = "\xD0\xB6";
  vocabulary[letter] = vocabulary.size();
  vocabulary["##" + letter] = vocabulary.size();
  const WordPiece text = WordPiece::from_json(json.dump(), "letters.json");
  std::string word;
  for (int i = 0; i < 100; ++i) word += letter;
  EXPECT_EQ(text.encode(word).size(), 100u);
  EXPECT_EQ(text.encode(word + letter), std::vector<int64_t>{text.unk()});
}

TEST(WordPiece, DecodingSpacesAndSpecialTokens) {
  const WordPiece text = test::small_tokenizer();
  EXPECT_EQ(text.decode(text.encode("A CAT, asleep!"), false), "a cat, asleep!");
  EXPECT_EQ(text.decode(text.encode("a cat"), true), "a") << "class names are special";
  EXPECT_EQ(text.decode({-5, text.size() + 7, text.id_of("a")}, false), "a");
  EXPECT_EQ(text.decode({}, false), "");
}

TEST(WordPiece, AnyBytesEncodeToIdsOfTheVocabulary) {
  const WordPiece text = test::small_tokenizer();
  Random random(7);
  const std::string alphabet = "ab v0=1[S_]\xc3\xa9\xe6\xbc\xa2\xff\x80\x01.,'";
  for (int round = 0; round < 5000; ++round) {
    std::string bytes(random.below(40), ' ');
    for (char& byte : bytes) byte = alphabet[random.below(static_cast<int64_t>(alphabet.size()))];
    const auto ids = text.encode(bytes);
    for (const int64_t id : ids) ASSERT_TRUE(id >= 0 && id < text.size());
    // What was read once is read the same again, as long as nothing was unknown.
    if (std::find(ids.begin(), ids.end(), text.unk()) == ids.end()) {
      const std::string once = text.decode(ids, false);
      EXPECT_EQ(text.decode(text.encode(once), false), once) << bytes;
    }
  }
}

/// A JSON file with one change gives one line of error that names the file.
void expect_refused(const std::function<void(Json&)>& change, const std::string& expected_words) {
  Json json = Json::parse(test::small_tokenizer_json());
  change(json);
  try {
    WordPiece::from_json(json.dump(), "bad.json");
    ADD_FAILURE() << "read although: " << expected_words;
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("bad.json")) << message;
    EXPECT_NE(message.find(expected_words), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_LT(message.size(), 300u);
  }
}

TEST(WordPieceFile, WhatIsNotSupportedIsNamed) {
  expect_refused([](Json& j) { j = Json::array(); }, "expected a Hugging Face tokenizer.json");
  expect_refused([](Json& j) { j["model"]["type"] = "BPE"; }, "only WordPiece is supported");
  expect_refused([](Json& j) { j["normalizer"] = nullptr; }, "'normalizer'");
  expect_refused([](Json& j) { j["pre_tokenizer"]["type"] = "Whitespace"; }, "BertPreTokenizer");
  expect_refused([](Json& j) { j["decoder"] = nullptr; }, "'decoder'");
  expect_refused([](Json& j) { j["post_processor"] = {{"type", "BertProcessing"}}; }, "'post_processor' ('\"Bert");
  expect_refused(
      [](Json& j) {
        j["post_processor"] = {{"type", "TemplateProcessing"},
                               {"single", {{{"Sequence", {{"id", "A"}}}}, {{"SpecialToken", {{"id", "[EOS]"}}}}}}};
      },
      "'post_processor'");
  expect_refused(
      [](Json& j) {
        j["padding"] = {{"strategy", {{"Fixed", 8}}}, {"pad_to_multiple_of", nullptr}};
      },
      "'padding'");
  expect_refused(
      [](Json& j) {
        j["padding"] = {{"strategy", "BatchLongest"}, {"pad_to_multiple_of", 8}};
      },
      "'padding'");
  expect_refused([](Json& j) { j["truncation"] = {{"max_length", 5}}; }, "truncation: the key 'direction'");
  expect_refused([](Json& j) { j["truncation"] = {{"max_length", -5}}; }, "'max_length'");
  expect_refused(
      [](Json& j) {
        j["truncation"] = {{"max_length", 5}, {"direction", "Right"}, {"strategy", "OnlySecond"}};
      },
      "truncation: the strategy 'OnlySecond'");
  expect_refused([](Json& j) { j["decoder"]["prefix"] = "@@"; }, "different prefixes");
  expect_refused([](Json& j) { j.erase("model"); }, "'model' is missing");
  expect_refused([](Json& j) { j["normalizer"]["lowercase"] = 1; }, "'lowercase' must be true or false");
}

// The ids that Hugging Face's tokenizers 0.23 gives for a file with each feature.
TEST(WordPieceFile, FeaturesAreReadAsHuggingFaceReadsThem) {
  const Tokens vocabulary{"[PAD]", "[UNK]",    "[SOS]", "[EOS]", "[S_0]", "[S_1]", "a", "red", "chair", "##s", "cat",
                          "tur",   "##quoise", "on",    "the",   "##x",   "x",     ".", "!",   "[",     "]",   "new"};
  Json plain{{"version", "1.0"},
             {"truncation", nullptr},
             {"padding", nullptr},
             {"added_tokens", Json::array()},
             {"normalizer",
              {{"type", "BertNormalizer"},
               {"clean_text", true},
               {"handle_chinese_chars", true},
               {"strip_accents", nullptr},
               {"lowercase", true}}},
             {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
             {"post_processor", nullptr},
             {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
             {"model",
              {{"type", "WordPiece"},
               {"unk_token", "[UNK]"},
               {"continuing_subword_prefix", "##"},
               {"max_input_chars_per_word", 100}}}};
  const auto add = [](Json& j, int64_t id, const char* content, bool special, bool strip = false, bool alone = false) {
    j["added_tokens"].push_back({{"id", id},
                                 {"content", content},
                                 {"single_word", alone},
                                 {"lstrip", strip},
                                 {"rstrip", strip && !alone},
                                 {"normalized", !special},
                                 {"special", special}});
  };
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    plain["model"]["vocab"][vocabulary[id]] = id;
    if (id < 6) add(plain, static_cast<int64_t>(id), vocabulary[id].c_str(), true);
  }
  const auto expect_ids = [](const Json& json, const std::vector<std::vector<int64_t>>& expected) {
    const Tokens texts{"a red chair on the turquoise chairs!", "the [NEW] cat [EOS] Turquoise turquoises",
                       "  [X]  cat [X]", "cat[X]x [X]!", "a  [Y]  chair[Y]"};
    const WordPiece words = WordPiece::from_json(json.dump(), "test.json");
    for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(words.encode(texts[i]), expected[i]) << texts[i];
  };
  const std::vector<std::vector<int64_t>> whole{{6, 7, 8, 13, 14, 11, 12, 8, 9, 18},
                                                {14, 19, 21, 20, 10, 3, 11, 12, 11, 12, 9},
                                                {19, 16, 20, 10, 19, 16, 20},
                                                {10, 19, 16, 20, 16, 19, 16, 20, 18},
                                                {6, 19, 1, 20, 8, 19, 1, 20}};
  expect_ids(plain, whole);

  const test::CapturedLog captured;
  Json cut = plain;
  cut["truncation"] = {{"direction", "Right"}, {"max_length", 5}, {"strategy", "LongestFirst"}, {"stride", 0}};
  expect_ids(cut,
             {{6, 7, 8, 13, 14}, {14, 19, 21, 20, 10}, {19, 16, 20, 10, 19}, {10, 19, 16, 20, 16}, {6, 19, 1, 20, 8}});
  cut["truncation"]["direction"] = "Left";
  cut["truncation"]["strategy"] = "OnlyFirst";
  expect_ids(cut,
             {{11, 12, 8, 9, 18}, {11, 12, 11, 12, 9}, {20, 10, 19, 16, 20}, {16, 19, 16, 20, 18}, {20, 8, 19, 1, 20}});
  const std::string warnings = captured.text();
  EXPECT_NE(warnings.find("warning: test.json: every text is cut to 5 tokens"), std::string::npos) << warnings;

  Json harmless = plain;
  harmless["padding"] = {
      {"strategy", "BatchLongest"}, {"direction", "Right"}, {"pad_to_multiple_of", nullptr}, {"pad_id", 0}};
  harmless["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", Json::array({{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}})},
                                {"special_tokens", Json::object()}};
  expect_ids(harmless, whole);

  Json more = plain;
  add(more, 22, "[NEW]", false);
  add(more, 23, "turquoise", false);
  expect_ids(more, {{6, 7, 8, 13, 14, 23, 8, 9, 18}, {14, 22, 10, 3, 23, 23, 1}, whole[2], whole[3], whole[4]});
  const WordPiece words = WordPiece::from_json(more.dump(), "test.json");
  EXPECT_EQ(words.size(), 24);
  EXPECT_EQ(words.id("turquoise"), 23);
  EXPECT_EQ(words.decode({6, 7, 8, 13, 14, 23, 8, 9, 18}, true), "a red chair on the turquoise chairs!");
  more["added_tokens"][6]["id"] = 24;
  EXPECT_THROW(WordPiece::from_json(more.dump(), "test.json"), Error);

  Json strip = plain;
  add(strip, 22, "[X]", true, true, true);
  add(strip, 23, "[Y]", true, true);
  add(strip, 24, " cat", false);
  expect_ids(strip, {whole[0],
                     {14, 19, 21, 20, 24, 3, 11, 12, 11, 12, 9},
                     {22, 24, 22},
                     {10, 19, 16, 20, 16, 22, 18},
                     {6, 23, 8, 23}});
}

TEST(WordPieceFile, HostileVocabulariesAreRefused) {
  expect_refused([](Json& j) { j["model"]["vocab"] = Json::object(); }, "'vocab'");
  expect_refused([](Json& j) { j["model"]["vocab"] = {{"a", 0}, {"b", 1}}; }, "it should have 2");
  expect_refused([](Json& j) { j["model"]["vocab"]["cat"] = 0; }, "both have the id 0");
  expect_refused([](Json& j) { j["model"]["vocab"]["cat"] = 1000000000000; }, "must be an integer from 0 to 189");
  expect_refused([](Json& j) { j["model"]["vocab"]["cat"] = -1; }, "must be an integer");
  expect_refused([](Json& j) { j["model"]["vocab"]["cat"] = 1.5; }, "must be an integer");
  expect_refused([](Json& j) { j["model"]["vocab"]["cat"] = "7"; }, "must be an integer");
  expect_refused([](Json& j) { j["added_tokens"][5]["id"] = 190; }, "added_tokens[5]");
  expect_refused([](Json& j) { j["added_tokens"][5]["id"] = 6; }, "in the model's vocabulary");
  expect_refused([](Json& j) { j["added_tokens"][0]["content"] = nullptr; }, "'content' must be text");
  expect_refused([](Json& j) { j["added_tokens"] = 5; }, "'added_tokens' must be a list");
  expect_refused([](Json& j) { j["model"]["unk_token"] = "[NONE]"; }, "'[NONE]' is not in the vocabulary");
  expect_refused([](Json& j) { j["model"]["max_input_chars_per_word"] = -3; }, "'max_input_chars_per_word'");
}

TEST(WordPieceFile, CutNestedAndFlippedFilesNeverCrash) {
  const std::string whole = test::small_tokenizer_json();
  for (size_t length = 0; length < whole.size(); length += 97)
    EXPECT_THROW(WordPiece::from_json(whole.substr(0, length), "cut.json"), Error) << length;
  EXPECT_THROW(WordPiece::from_json(std::string(100000, '['), "deep.json"), Error);
  EXPECT_THROW(WordPiece::from_json("{\"model\":" + std::string(100000, '{'), "deep.json"), Error);
  EXPECT_THROW(WordPiece::load("/nowhere/tokenizer.json"), Error);
  Random random(3);
  for (int round = 0; round < 300; ++round) {
    std::string flipped = whole;
    flipped[random.below(static_cast<int64_t>(whole.size()))] = static_cast<char>(random.below(256));
    try {
      WordPiece::from_json(flipped, "flipped.json").encode("a cat [S_1] v0=3");
    } catch (const Error&) {
    }
  }
}

TEST(WordPieceFile, TheOfficialVocabularyHasItsIdMap) {
  FOURM_NEEDS(test::official_tokenizer());
  const WordPiece text = WordPiece::load(test::official_tokenizer());
  EXPECT_EQ(text.size(), 30000);
  EXPECT_EQ(text.sentinels().first, 4);
  EXPECT_EQ(text.sentinels().count, 200);
  for (int k = 0; k < 4; ++k)
    for (int n = 0; n < 1000; n += 111) EXPECT_EQ(text.id_of(concat("v", k, "=", n)), 204 + 1000 * k + n);
  EXPECT_EQ(text.id_of("airplane"), 4204);
  EXPECT_EQ(text.id_of("zebra"), 4283);
  for (int64_t id = 0; id < text.size(); ++id) ASSERT_EQ(text.id_of(text.tokens({id})[0]), id);
}

}  // namespace
}  // namespace fourm
