#include "fourm/train/records.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(Records, LinesThatAreNoRecordsAreIgnored) {
  const test::TemporaryFolder folder;
  const std::string first = line_of({10, "train", {{"loss", 0.1}, {"lr", std::numeric_limits<double>::quiet_NaN()}}}),
                    second = line_of({20, "eval", {{"loss", 3}}});
  write_file(folder / "metrics.jsonl", first + "\n\nno record\n{\"step\": \"x\", \"train\": {}}\n[1]\n" + second +
                                           "\n{\"step\":30,\"train\":{\"lo");
  const std::vector<Record> records = read_records(folder / "metrics.jsonl");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(line_of(records[0]), first);
  EXPECT_EQ(line_of(records[1]), second);
  EXPECT_EQ(records[0].values["loss"], 0.1);
  EXPECT_TRUE(records[0].values["lr"].is_null());
  EXPECT_EQ(records[1].step, 20);
  EXPECT_EQ(records[1].kind, "eval");
  EXPECT_TRUE(read_records(folder / "none").empty());
}

}  // namespace
}  // namespace fourm
