#include "fourm/text/byte_pair.h"

#include <gtest/gtest.h>

#include "fourm/core/json.h"
#include "tests/support/damage.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

const fs::path kFixture = fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/clip";

void expect_ids_of_transformers(const BytePair& words) {
  const Json cases = read_json(kFixture / "texts.json");
  ASSERT_GT(cases.size(), 10);
  for (const auto& one : cases)
    EXPECT_EQ(words.encode(one["text"].get<std::string>(), 77), one["ids"].get<std::vector<int64_t>>()) << one["text"];
}

class BytePairFiles : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"vocab.json", "merges.txt"}) fs::copy_file(kFixture / name, folder / name);
  }
  test::TemporaryFolder folder;
};

TEST(BytePair, IdsAreThoseOfTransformers) { expect_ids_of_transformers(BytePair::open(kFixture)); }

TEST(BytePair, IdsOfATokenizerJsonAreThose) {
  const test::TemporaryFolder folder;
  fs::copy_file(kFixture / "whole_tokenizer.json", folder / "tokenizer.json");
  expect_ids_of_transformers(BytePair::open(folder.path()));
  // Merges as lists of two, as newer files have them.
  Json json = read_json(kFixture / "whole_tokenizer.json");
  for (auto& merge : json["model"]["merges"]) {
    if (merge.is_array()) {
      merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
    } else {
      const std::string text = merge.get<std::string>();
      merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
    }
  }
  write_json(folder / "tokenizer.json", json);
  expect_ids_of_transformers(BytePair::open(folder.path()));
}

TEST(BytePair, LongTextsAreCutBeforeTheEnd) {
  const BytePair words = BytePair::open(kFixture);
  const auto whole = words.encode("the house by the sea", 77), cut = words.encode("the house by the sea", 4);
  ASSERT_EQ(cut.size(), 4);
  EXPECT_TRUE(std::equal(cut.begin(), cut.end() - 1, whole.begin()));
  EXPECT_EQ(cut.back(), words.end());
  EXPECT_EQ(words.encode("", 2).size(), 2);
  EXPECT_THROW(words.encode("a", 1), Error);
}

TEST_F(BytePairFiles, BrokenOnesAreRefusedInOneLine) {
  for (const char* name : {"vocab.json", "merges.txt"}) {
    const std::string valid = read_file(folder / name);
    test::expect_refusals(valid, 60, [&](const std::string& bytes) {
      write_file(folder / name, bytes);
      BytePair::open(folder.path()).encode("the small house", 77);
    });
    fs::remove(folder / name);
    EXPECT_NE(test::message_of([&] { BytePair::open(folder.path()); }).find("vocab.json and merges.txt"),
              std::string::npos);
    write_file(folder / name, valid);
  }
}

TEST_F(BytePairFiles, WhatIsMissingIsNamed) {
  const auto message = [&](const char* name, const std::string& content) {
    const std::string valid = read_file(folder / name);
    write_file(folder / name, content);
    const std::string said = test::message_of([&] { BytePair::open(folder.path()); });
    write_file(folder / name, valid);
    return said;
  };
  Json vocabulary = read_json(folder / "vocab.json");
  vocabulary.erase("q</w>");
  EXPECT_NE(message("vocab.json", vocabulary.dump()).find("'q</w>' is not in the vocabulary"), std::string::npos);
  EXPECT_NE(message("vocab.json", R"({"a": 1.5})").find("the id of the token 'a'"), std::string::npos);
  EXPECT_NE(message("vocab.json", R"({"a": 0})").find("<|startoftext|>"), std::string::npos);
  EXPECT_NE(message("merges.txt", "#version: 0.2\na\n").find("merge 1 is 'a'"), std::string::npos);
  EXPECT_NE(message("merges.txt", "q x\n").find("'qx' is not in the vocabulary"), std::string::npos);
}

}  // namespace
}  // namespace fourm
