// The table of modalities, which a user's YAML extends.
#include "fourm/modality/modality.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "tests/support/schedule_tables.h"

namespace fourm {
namespace {

void define(const std::string& name) {
  ModalityTable table = ModalityTable::official();
  table.extend("modalities:\n  \"" + name + "\": {kind: tokens, vocab_size: 8, image_size: 4, patch_size: 2}\n",
               "table");
  EXPECT_EQ(table.at(name).vocab_size, 8);
}

TEST(ModalityTable, NamesAreFileNames) {
  for (const char* name : {"tok_thermal@448", "a", "x.y-z"}) define(name);
  for (const char* name : {"", ".", "..", "../evil", "a/b", "/absolute", "a b", ".hidden"})
    EXPECT_THROW(define(name), Error) << name;
  EXPECT_THROW(define(std::string(101, 'x')), Error);
}

TEST(ModalityTable, EveryOfficialRowSurvivesTheTripThroughYaml) {
  const ModalityTable official = ModalityTable::official();
  ModalityTable table;
  table.extend(official.yaml(official.names()), "table");
  EXPECT_EQ(table.names(), official.names());
  EXPECT_EQ(table.yaml(table.names()), official.yaml(official.names()));
}

TEST(ModalityTable, BrokenTablesAreNamed) {
  for (const char* yaml : {"modalities: {a: {kind: tokens}}", "modalities: {a: {kind: sequence, vocab_size: 5}}",
                           "modalities: {a: {vocab_size: 4611686018427387904}}", "modalities: {a: {vocab_size: -1}}",
                           "modalities: {a: {kind: paint}}", "modalities: [a]", "modalities: &x {a: *x}", "- a"})
    EXPECT_THROW(ModalityTable().extend(yaml, "table"), Error) << yaml;
}

TEST(ModalityTable, TokensMayLieInARow) {
  ModalityTable table;
  table.extend(R"(modalities:
  tok_audio: {kind: tokens, vocab_size: 2048, max_tokens: 512}
  tok_learned: {vocab_size: 8, max_tokens: 5, positions: learned}
  tok_grid: {vocab_size: 8, image_size: 64, patch_size: 16, max_tokens: 16}
  tok_wrong: {vocab_size: 8, image_size: 64, patch_size: 16, max_tokens: 512}
)",
               "table");
  const Modality audio = table.at("tok_audio", 224, 16);
  EXPECT_FALSE(audio.has_grid());
  EXPECT_EQ(audio.max_tokens, 512);
  EXPECT_EQ(audio.grid(), 0);
  EXPECT_EQ(audio.positions, PositionKind::kSinCos1d);
  EXPECT_EQ(table.at("tok_learned").positions, PositionKind::kLearned);
  EXPECT_EQ(table.at("tok_grid").max_tokens, 16);
  EXPECT_TRUE(table.at("tok_grid").has_grid());
  EXPECT_THROW(table.at("tok_wrong"), Error);
  EXPECT_THROW(table.extend("modalities: {a: {vocab_size: 8, max_tokens: 5, positions: sincos2d}}", "table"), Error);
  ModalityTable again;
  again.extend(table.yaml({"tok_audio"}), "table");
  EXPECT_EQ(again.at("tok_audio").max_tokens, 512);
}

TEST(ModalityTable, SequencesHavePositionsInOneDimension) {
  ModalityTable table;
  table.extend("modalities: {a: {kind: sequence, vocab_size: 8, max_tokens: 5, positions: learned}}", "table");
  EXPECT_EQ(table.at("a").positions, PositionKind::kLearned);
  for (const char* kind : {"sequence, vocab_size: 8", "embeddings, width: 8"}) try {
      table.extend(concat("modalities: {a: {kind: ", kind, ", max_tokens: 5, positions: sincos2d}}"), "table");
      FAIL() << kind;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("has sincos1d or learned"), std::string::npos) << error.what();
    }
}

TEST(ModalityTable, IdsEqualTheOriginals) {
  FOURM_NEEDS_TABLES;
  const auto table = ModalityTable::official();
  for (const auto& [name, id] : test::tables()["modality_ids"].items()) {
    Modality m;
    m.name = name;
    EXPECT_EQ(m.id(), id.get<int>()) << name;
  }
}

}  // namespace
}  // namespace fourm
