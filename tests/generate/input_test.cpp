#include "fourm/generate/input.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"

namespace fourm {
namespace {

TEST(Input, NamesModalityValueAndOptions) {
  const Input plain = parse_input("det=v0=3 v1=4 [S_1]");
  EXPECT_EQ(plain.modality, "det");
  EXPECT_EQ(plain.value, "v0=3 v1=4 [S_1]");
  EXPECT_TRUE(plain.keep.empty() && !plain.weight);
  const Input negative = parse_input("caption[weight=-1.5]=a [red] room = good");
  EXPECT_EQ(negative.modality, "caption");
  EXPECT_EQ(negative.value, "a [red] room = good");
  EXPECT_EQ(negative.weight, -1.5);
  const Input part = parse_input("tok_rgb@128[keep=0,0.25,1,1/x,weight=2]=room.png");
  EXPECT_EQ(part.modality, "tok_rgb@128");
  EXPECT_EQ(part.keep, "0,0.25,1,1/x") << "commas within a value";
  EXPECT_EQ(part.weight, 2);
}

TEST(Input, TheTextFormIsReadBack) {
  for (const char* text : {"rgb@128=a.png", "caption[weight=-0.5]=a b", "tok_rgb@128[keep=left,weight=3]=x.npy",
                           "caption[weight=1.2345671]=a"})
    EXPECT_EQ(input_text(parse_input(text)), text);
}

TEST(Input, MistakesAreNamed) {
  const auto message = [](const char* text) { return test::message_of([&] { parse_input(text); }); };
  EXPECT_EQ(message("rgb@128"), "the input 'rgb@128': expected MODALITY=VALUE or MODALITY[OPTION=...]=VALUE");
  EXPECT_NE(message("caption[weight=-1=x").find("expected MODALITY=VALUE"), std::string::npos);
  EXPECT_NE(message("caption[wieght=2]=x").find("unknown option 'wieght' (did you mean 'weight'?)"), std::string::npos);
  EXPECT_NE(message("caption[weight]=x").find("'weight' has no value"), std::string::npos);
  EXPECT_NE(message("caption[]=x").find("unknown option ''"), std::string::npos);
  for (const char* weight : {"two", "2x", "nan", "inf"})
    EXPECT_NE(message(concat("caption[weight=", weight, "]=x").c_str()).find("is not a number"), std::string::npos);
  EXPECT_NE(message("=x").find("names no modality"), std::string::npos);
  for (const char* empty : {"caption=", "caption=  ", "rgb[keep=left]="})
    EXPECT_NE(message(empty).find("has no value; leave it out"), std::string::npos) << empty;
  EXPECT_NE(message("caption[weight=2,weight=3]=x").find("'weight' is given twice"), std::string::npos);
  EXPECT_NE(message("rgb[keep=left,keep=top]=x").find("'keep' is given twice"), std::string::npos);
}

}  // namespace
}  // namespace fourm
