// The text case of the fixtures: every field of every entry, exactly.
#include <gtest/gtest.h>
#include <unistd.h>

#include "fourm/parity/cases.h"
#include "tests/support/fixtures.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

namespace fs = std::filesystem;

/// The expected fields of an entry; `instead` holds those that the reference could not compute.
void expect_fields(const Json& expected, const Json& got, const std::vector<const char*>& fields,
                   const std::string& where) {
  for (const char* field : fields) {
    const Json& want = expected.at(field);
    EXPECT_EQ(want.is_null() ? Json::array() : want, got.at(field)) << where << " " << field << "\n" << expected.dump();
  }
}

TEST(TextParity, EveryFieldOfTheTextCase) {
  const fs::path folder = test::fixture_root() / "tokenizers" / "h_text";
  FOURM_NEEDS(folder);
  FOURM_NEEDS(test::official_tokenizer());
  const Json got = run_text_case(folder, test::official_tokenizer());

  const std::vector<std::pair<const char*, std::vector<std::pair<const char*, std::vector<const char*>>>>> files = {
      {"strings.json",
       {{"strings", {"ids", "tokens", "decode_keep_special", "decode_skip_special"}},
        {"id_decodes", {"decode_keep_special", "decode_skip_special"}}}},
      {"boxes.json", {{"box_sets", {"string", "ids", "decoded", "boxes_back"}}, {"inverse_only", {"boxes_back"}}}},
      {"structured.json",
       {{"metadata", {"string", "chunks", "ids"}},
        {"color_palette", {"string", "ids"}},
        {"human_poses", {"string", "ids"}}}}};
  for (const auto& [file, lists] : files) {
    const Json expected = read_json(folder / file);
    for (const auto& [list, fields] : lists) {
      ASSERT_EQ(expected.at(list).size(), got.at(list).size()) << list;
      ASSERT_GT(got.at(list).size(), 0u);
      for (size_t i = 0; i < got.at(list).size(); ++i)
        expect_fields(expected.at(list)[i], got.at(list)[i], fields, concat(list, "[", i, "]"));
    }
  }
  const Json boxes = read_json(folder / "boxes.json");
  for (size_t i = 0; i < boxes.at("box_sets").size(); ++i) {
    const Json& want = boxes.at("box_sets")[i].at("boxes_after_augment");
    const Json& have = got.at("box_sets")[i].at("boxes_after_augment");
    ASSERT_EQ(want.size(), have.size()) << i;
    for (size_t b = 0; b < want.size(); ++b) {
      for (int k = 0; k < 4; ++k) EXPECT_NEAR(want[b][k].get<double>(), have[b][k].get<double>(), 1e-12) << i;
      EXPECT_EQ(want[b][4], have[b][4]);
      EXPECT_EQ(want[b][5], have[b][5]);
    }
  }
}

TEST(TextParity, ResultsAreNotReadFromTheInputs) {
  const fs::path folder = test::fixture_root() / "tokenizers" / "h_text";
  FOURM_NEEDS(folder);
  FOURM_NEEDS(test::official_tokenizer());
  const test::TemporaryFolder temporary;
  const fs::path bare = temporary.path();
  fs::copy_file(folder / "case.json", bare / "case.json");
  for (const char* file : {"strings.json", "boxes.json", "structured.json"}) {
    Json questions = read_json(folder / file);
    for (auto& list : questions)
      for (auto& entry : list)
        for (const char* field : {"tokens", "decode_keep_special", "decode_skip_special", "boxes_after_augment",
                                  "decoded", "boxes_back", "inverse_error", "chunks"})
          entry.erase(field);
    for (const char* list : {"strings", "box_sets", "metadata", "color_palette", "human_poses"})
      if (questions.contains(list))
        for (auto& entry : questions[list]) entry.erase("ids"), entry.erase("string");
    write_json(bare / file, questions);
  }
  EXPECT_EQ(run_text_case(bare, test::official_tokenizer()), run_text_case(folder, test::official_tokenizer()));
  write_file(bare / "boxes.json", R"({"box_sets": [{"instances": 5}]})");
  EXPECT_THROW(run_text_case(bare, test::official_tokenizer()), Error);
  write_file(bare / "boxes.json", R"({"inverse_only": {"a": 1}})");
  EXPECT_THROW(run_text_case(bare, test::official_tokenizer()), Error);
  EXPECT_THROW(run_text_case(bare, bare / "none.json"), Error);
}

}  // namespace
}  // namespace fourm
