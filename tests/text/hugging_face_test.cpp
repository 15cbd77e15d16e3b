// A vocabulary trained here, read by Hugging Face's `tokenizers`: equal ids and texts. Skipped where that Python
// package is not installed; $FOURM_PYTHON names the interpreter.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "fourm/core/file.h"
#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "fourm/text/wordpiece.h"
#include "fourm/text/wordpiece_trainer.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

std::string python() {
  const char* given = std::getenv("FOURM_PYTHON");
  return given && *given ? given : "python3";
}

constexpr const char* kScript = R"(import json, sys
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
answers = []
for text in json.load(open(sys.argv[2], encoding="utf-8")):
    ids = tokenizer.encode(text).ids
    answers.append([ids, tokenizer.decode(ids, skip_special_tokens=False), tokenizer.decode(ids)])
json.dump(answers, open(sys.argv[3], "w", encoding="utf-8"))
)";

TEST(HuggingFace, ReadsATrainedVocabularyWithEqualIds) {
  if (std::system((python() + " -c 'import tokenizers' >/dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "the Python package tokenizers is not installed for " << python();
  const std::vector<std::string> texts{
      "A grey sofa stands beside a small wooden table, and a teddy bear sits on it.",
      "Two lamps, one of them red: they're 3.5 metres apart!",
      "\xc3\x89t\xc3\xa9 na\xc3\xafve caf\xc3\xa9, \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x98\x80",
      "v0=1 v1=2 v2=7 v3=3 teddy bear [EOS] [S_1] unbelievably tabletops",
      "tabs\tand\nlines  and   spaces",
      "",
      "[S_0]glued[S_2]v0=3v1=4",
      "\xe2\x80\x9cquoted\xe2\x80\x9d"};
  WordPieceOptions options;
  options.vocabulary_size = 260;
  options.sentinels = 4;
  options.coordinates = 8;
  options.min_frequency = 0;
  options.classes = {"teddy bear", "chair"};
  WordPieceTrainer trainer(options);
  for (const auto& text : texts) trainer.add(text);
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary.path();
  write_file(folder / "tokenizer.json", trainer.tokenizer_json());
  const WordPiece ours = WordPiece::load(folder / "tokenizer.json");

  std::vector<std::string> questions = texts;
  Random random(3);  // and words in any order, cut anywhere
  for (int i = 0; i < 200; ++i) {
    const std::string& text = random.pick(texts);
    if (text.empty()) continue;
    std::string part;
    for (const char c : text)
      if (static_cast<unsigned char>(c) < 128 && random.chance(0.9)) part += c;
    questions.push_back(part);
  }
  write_json(folder / "questions.json", Json(questions));
  write_file(folder / "ask.py", kScript);
  const std::string f = folder.string();
  const std::string command =
      python() + " " + f + "/ask.py " + f + "/tokenizer.json " + f + "/questions.json " + f + "/answers.json";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const Json answers = read_json(folder / "answers.json");
  ASSERT_EQ(answers.size(), questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    const std::vector<int64_t> ids = ours.encode(questions[i]);
    EXPECT_EQ(ids, answers[i][0].get<std::vector<int64_t>>()) << questions[i];
    EXPECT_EQ(ours.decode(ids, false), answers[i][1].get<std::string>()) << questions[i];
    EXPECT_EQ(ours.decode(ids, true), answers[i][2].get<std::string>()) << questions[i];
  }
}

}  // namespace
}  // namespace fourm
