#include "fourm/data/member_name.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"

namespace fourm {
namespace {

TEST(MemberName, PartsOfAName) {
  const auto expect = [](const std::string& name, const std::string& key, const std::string& modality,
                         const std::string& extension) {
    const MemberName parts = parse_member_name(name);
    EXPECT_EQ(parts.problem, "") << name;
    EXPECT_EQ(parts.key, key);
    EXPECT_EQ(parts.modality, modality) << name;
    EXPECT_EQ(parts.extension, extension) << name;
    EXPECT_EQ(parts.key + parts.suffix(), name);
  };
  expect("room", "room", "", "");
  expect("room.png", "room", "", "png");
  expect("a/b.c/room.rgb.JPG", "a/b.c/room", "rgb", "JPG");
  expect("IMG_2.0.rgb.png", "IMG_2.0", "rgb", "png");
  expect("1305031102.175304.png", "1305031102.175304", "", "png");
  expect("0.tok_rgb@224.npy", "0", "tok_rgb@224", "npy");
}

TEST(MemberName, NamesWithoutUniquePartsAreProblems) {
  for (const char* name : {"www.example.rgb.png", "www.example.org.jpg", "0.seg.v2.png", "a..1.png", "room..png"})
    EXPECT_NE(parse_member_name(name).problem, "") << name;
}

TEST(MemberName, KeysAreReadBackFromTheirMembers) {
  for (const char* key : {"plain", "a/b.c/1305031102.175304", "v2.0"}) {
    EXPECT_EQ(shard_key_problem(key), "") << key;
    EXPECT_EQ(parse_member_name(std::string(key) + ".rgb.png").key, key);
    EXPECT_EQ(parse_member_name(std::string(key) + ".png").key, key);
  }
  for (const char* key : {"photo.final", "a..1", "1.b.2"}) {
    EXPECT_NE(shard_key_problem(key), "") << key;
    EXPECT_THROW(check_shard_key(key, "set"), Error) << key;
  }
}

}  // namespace
}  // namespace fourm
