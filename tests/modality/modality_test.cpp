// The table of modalities, which a user's YAML extends.
#include "fourm/modality/modality.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"

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

}  // namespace
}  // namespace fourm
