#include "fourm/core/json.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"

namespace fourm {
namespace {

TEST(Json, DeepNestingIsRefused) {
  EXPECT_NE(test::message_of([] { parse_json(std::string(2'000'000, '['), "deep.json"); }).find("nested deeper"),
            std::string::npos);
  EXPECT_NE(test::message_of([] { parse_json("{\"a\": 1", "cut.json"); }).find("not valid JSON at byte"),
            std::string::npos);
}

TEST(Json, IntegersAreWholeAndInRange) {
  const Json json = parse_json(R"({"a": 1.5, "b": 9223372036854775808, "c": -1, "d": 3.0, "e": true, "f": 7})", "x");
  for (const char* key : {"a", "b", "d", "e"})
    EXPECT_NE(test::message_of([&] { json_get<int64_t>(json, key, "x"); }).find("integer"), std::string::npos) << key;
  EXPECT_NE(test::message_of([&] { json_get<uint64_t>(json, "c", "x"); }).find("integer"), std::string::npos);
  EXPECT_EQ(json_get<int64_t>(json, "c", "x"), -1);
  EXPECT_EQ(json_get<uint64_t>(json, "b", "x"), uint64_t{1} << 63);
  EXPECT_EQ(json_get<int>(json, "f", "x"), 7);
}

TEST(JsonText, NamesThatAreNotUtf8DoNotStopIt) {
  EXPECT_EQ(json_text({{"file", "a\xffé"}}), "{\"file\":\"a\uFFFDé\"}");
}

}  // namespace
}  // namespace fourm
