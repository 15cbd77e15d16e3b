#include "fourm/text/coordinates.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/error.h"

namespace fourm {
namespace {

TEST(Coordinates, AreRoundedHalfToEvenAndReadBack) {
  EXPECT_EQ(coordinate(0, 16.5), "v0=16");
  EXPECT_EQ(coordinate(3, 17.5), "v3=18");
  EXPECT_EQ(coordinate(1, -0.4), "v1=0");
  for (int k = 0; k < 4; ++k)
    for (const double value : {0.0, 7.0, -12.0, 999.0}) {
      const auto read = read_coordinate(coordinate(k, value));
      ASSERT_TRUE(read);
      EXPECT_EQ(read->k, k);
      EXPECT_EQ(read->value, value);
    }
  for (const double value : {std::nan(""), HUGE_VAL, 1e15}) EXPECT_THROW(coordinate(0, value), Error) << value;
}

TEST(Coordinates, OtherWordsAreNone) {
  for (const char* word :
       {"", "v0=", "v4=1", "v=1", "V0=1", "v0=1.5", "v0=1 ", " v0=1", "v0=+1", "v00=1", "v0=99999999999999999999"})
    EXPECT_FALSE(read_coordinate(word)) << word;
}

TEST(Coordinates, DecimalsAreThoseOfPython) {
  const std::vector<std::pair<std::string, double>> numbers{
      {"12", 12}, {"+1.5", 1.5}, {" -.5\t", -0.5}, {"1e2", 100}, {"1_000", 1000}, {"\u0663", 3}, {"1e-400", 0}};
  for (const auto& [text, value] : numbers) EXPECT_EQ(read_decimal(text), value) << text;
  for (const char* text : {"", " ", "nan", "inf", "1e400", "1__0", "_1", "1_", "0x10", "1,5", "+-1", "1 2", "--1"})
    EXPECT_EQ(read_decimal(text), std::nullopt) << text;
}

TEST(Coordinates, ShapeTokensHaveTwoHalves) {
  EXPECT_EQ(shape_token(511), "v0=511");
  EXPECT_EQ(shape_token(512), "v1=0");
  for (int id = 0; id < 1024; ++id) EXPECT_EQ(read_shape_token(shape_token(id)), id);
  for (const char* word : {"v0=512", "v1=512", "v2=0", "v0=-1", "v0"}) EXPECT_EQ(read_shape_token(word), std::nullopt);
}

}  // namespace
}  // namespace fourm
