#include "fourm/text/wordpiece_trainer.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>

#include "fourm/core/error.h"
#include "fourm/core/file.h"
#include "fourm/core/json.h"
#include "tests/support/temporary_folder.h"
#include "tests/text/small_vocabulary.h"

namespace fourm {
namespace {

std::string train(const std::vector<std::string>& texts, int64_t size) {
  WordPieceOptions options;
  options.vocabulary_size = size;
  options.sentinels = 3;
  options.coordinates = 2;
  options.min_frequency = 0;
  WordPieceTrainer trainer(options);
  for (const auto& text : texts) trainer.add(text);
  return trainer.tokenizer_json();
}

TEST(WordPieceTrainer, TheMostFrequentPairIsMergedFirst) {
  // Pairs: h+##u 2, ##u+##g 3, p+##u 2, ##u+##n 1. After ##ug: h+##ug 2, p+##u 1, p+##ug 1.
  const auto text = WordPiece::from_json(train({"hug hug pug pun"}, 15 + 5 + 3 + 2), "trained");
  const int64_t first = 4 + 3 + 8;
  std::vector<std::string> tokens;
  for (int64_t id = first; id < text.size(); ++id) tokens.push_back(text.tokens({id})[0]);
  EXPECT_EQ(tokens.back(), "hug");
  EXPECT_EQ(tokens[tokens.size() - 2], "##ug");
  EXPECT_EQ(text.tokens(text.encode("pug")), (std::vector<std::string>{"p", "##ug"}));
}

TEST(WordPieceTrainer, SpecialTokensComeFirstAndClassesAreAlphabetical) {
  const WordPiece text = test::small_tokenizer();
  const int64_t classes = 4 + 10 + 4 * 20;
  EXPECT_EQ(text.tokens({classes, classes + 1, classes + 2, classes + 3}),
            (std::vector<std::string>{"cat", "chair", "teddy bear", "zebra"}));
  for (int64_t id = 0; id < text.size(); ++id) EXPECT_EQ(text.is_special(id), id < classes + 4) << id;
  EXPECT_EQ(text.size(), 190);
  const auto tables = text.encode("tables");
  EXPECT_LE(tables.size(), 2u) << "a frequent word is few pieces";
}

TEST(WordPieceTrainer, TheOrderOfTextsDoesNotMatter) {
  EXPECT_EQ(train({"red sofa", "blue table", "a red table"}, 50), train({"a red table", "red sofa", "blue table"}, 50));
}

TEST(WordPieceTrainer, EverythingSeenCanBeEncoded) {
  const std::string text = "Sphinx of black quartz, judge my vow 0123456789!";
  const auto reader = WordPiece::from_json(train({text}, 120), "trained");
  for (const int64_t id : reader.encode(text)) EXPECT_NE(id, reader.unk());
}

TEST(WordPieceTrainer, RareCharactersAndBadOptions) {
  WordPieceOptions options;
  options.sentinels = 3;
  options.coordinates = 0;
  options.min_frequency = 0;
  options.max_alphabet = 2;
  options.vocabulary_size = 40;
  WordPieceTrainer trainer(options);
  trainer.add("aab aab zaa");
  const auto reader = WordPiece::from_json(trainer.tokenizer_json(), "trained");
  EXPECT_EQ(reader.encode("z"), std::vector<int64_t>{reader.unk()});
  EXPECT_THROW(train({"many different letters"}, 16), Error);
  options.sentinels = 1;
  EXPECT_THROW(WordPieceTrainer{options}, Error);
  options.sentinels = 3;
  options.classes = {"  "};
  EXPECT_THROW(WordPieceTrainer{options}, Error);
  options.classes = {"[PAD]"};
  EXPECT_THROW(WordPieceTrainer{options}, Error);
}

/// Against the reference implementation, where Python has it.
TEST(WordPieceTrainer, HuggingFaceReadsTheFileAndAgrees) {
  const char* python = "python3 -c 'import tokenizers' 2>/dev/null";
  if (std::system(python) != 0) GTEST_SKIP() << "the Python package 'tokenizers' is not installed";
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary.path();
  write_file(folder / "tokenizer.json", test::small_tokenizer_json());
  const std::vector<std::string> texts = {
      "a red chair, and two tables!",  "[S_1] cat [S_2][EOS]x", "v0=1 v1=20 v2=3 v3=9 cat",
      "Teddy  bear Teddy Bear zebras", "café 漢字 <table>",     ""};
  write_json(folder / "texts.json", Json(texts));
  const std::string script =
      "import json,sys,tokenizers; d=sys.argv[1]; t=tokenizers.Tokenizer.from_file(d+\"/tokenizer.json\"); "
      "e=[t.encode(x) for x in json.load(open(d+\"/texts.json\"))]; "
      "json.dump([[x.ids,t.decode(x.ids,skip_special_tokens=False)] for x in e],open(d+\"/answer.json\",\"w\"))";
  ASSERT_EQ(std::system(("python3 -c '" + script + "' " + folder.string()).c_str()), 0);
  const Json answers = read_json(folder / "answer.json");
  const WordPiece text = test::small_tokenizer();
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto ids = text.encode(texts[i]);
    EXPECT_EQ(answers[i][0], Json(ids)) << texts[i];
    EXPECT_EQ(answers[i][1], Json(text.decode(ids, false))) << texts[i];
  }
}

}  // namespace
}  // namespace fourm
