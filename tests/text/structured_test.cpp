#include "fourm/text/structured.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"
#include "fourm/text/sam.h"

namespace fourm {
namespace {

TEST(Metadata, KnownValues) {
  EXPECT_EQ(metadata_to_chunks({{"original_width", 2171},
                                {"original_height", 1e9},
                                {"n_humans", -3},
                                {"brightness", 255},
                                {"brightness", 300},
                                {"watermark_score", 0.5},
                                {"aesthetic_score", 4.4}}),
            (std::vector<std::string>{"v1=0 v0=67", "v1=1 v0=999", "v1=5 v0=0", "v1=10 v0=49", "v1=10 v0=49",
                                      "v1=19 v0=1", "v1=20 v0=0"}));
  EXPECT_THROW(metadata_to_chunks({{"n_human", 1}}), Error);
  EXPECT_THROW(metadata_to_chunks({{"entropy", std::stod("nan")}}), Error);
}

TEST(Metadata, ReadingThenWritingIsTheIdentity) {
  const auto type_count = static_cast<int>(metadata_names().size());
  for (int type = 0; type < type_count; ++type) {
    for (int value = 0; value < 1000; ++value) {
      const std::string chunk = concat("v1=", type, " v0=", value);
      const Metadata read = metadata_from_string(chunk);
      EXPECT_TRUE(read.empty() || metadata_to_chunks(read) == std::vector<std::string>{chunk}) << chunk;
    }
    EXPECT_EQ(metadata_from_string(concat("v1=", type, " v0=1")).size(), 1u);
  }
}

TEST(Palette, BackAndForth) {
  const std::vector<PaletteColour> colours = {{1, 2, 3}, {255, 0, 128}};
  EXPECT_EQ(palette_to_string(colours), "v1=2 v0=1 v0=2 v0=3 v0=255 v0=0 v0=128");
  EXPECT_EQ(palette_from_string(palette_to_string(colours)), colours);
  EXPECT_EQ(palette_to_string({{0.5, 1.5, 2.5}}), "v1=1 v0=0 v0=2 v0=2");
  EXPECT_EQ(palette_from_string("v1=5 v0=1 v0=2 v0=3 v0=4").size(), 1u);
  EXPECT_EQ(palette_from_string("v1=1 v0=1 v0=2 v0=3 v0=4 v0=5 v0=6").size(), 1u);
}

HumanPose random_person(Random& random) {
  HumanPose person;
  for (double& value : person.box) value = random.uniform();
  for (double& value : person.pose) value = static_cast<double>(random.below(1024));
  for (double& value : person.global) value = random.uniform(-1, 1);
  for (double& value : person.camera) value = random.uniform(-1, 19);
  for (double& value : person.shape) value = random.uniform(-3, 3);
  return person;
}

TEST(Poses, BackAndForthInAnyOrder) {
  Random random(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<HumanPose> people(random.below(4));
    std::vector<GroupOrder> orders(people.size());
    for (size_t i = 0; i < people.size(); ++i) {
      people[i] = random_person(random);
      const auto order = random.permutation(4);
      std::copy(order.begin(), order.end(), orders[i].begin());
    }
    const std::string text = poses_to_string(people, orders);
    const auto back = poses_from_string(text);
    ASSERT_EQ(back.size(), people.size());
    EXPECT_EQ(poses_to_string(back, orders), text);
    for (size_t i = 0; i < people.size(); ++i) {
      EXPECT_EQ(back[i].pose, people[i].pose);
      for (int k = 0; k < 9; ++k) EXPECT_NEAR(back[i].global[k], people[i].global[k], 0.5001 / 499.5);
      for (int k = 0; k < 3; ++k) EXPECT_NEAR(back[i].camera[k], people[i].camera[k], 0.5001 / 49.95);
    }
  }
  EXPECT_EQ(poses_to_string({}, {}), "none");
  EXPECT_THROW(poses_to_string({HumanPose{}}, {{0, 1, 1, 3}}), Error);
}

TEST(Sam, BackAndForth) {
  SamInstance instance;
  instance.box = {10, 20, 30, 40};
  for (size_t i = 0; i < instance.outline.size(); ++i) instance.outline[i] = static_cast<double>(i * 68);
  const std::string text = sam_to_string({{5, 6, {instance, instance}}, {7, 8, {}}});
  EXPECT_TRUE(text.starts_with("point v0=6 v1=5 polygon v0=10 v1=20 v2=30 v3=40 v0=0 v0=68 "));
  EXPECT_TRUE(text.ends_with("v1=508 point v0=8 v1=7 none"));
  const auto back = sam_from_string(text);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].instances.size(), 2u);
  EXPECT_EQ(sam_to_string(back), text);
  EXPECT_TRUE(sam_from_string(text + " v0=3 polygon v0=1 v1=1 v2=1 v3=1").at(1).instances.empty());
  EXPECT_TRUE(sam_from_string("polygon " + text.substr(24, 200)).size() <= 1);
}

TEST(Strings, NoTextMakesAReaderThrow) {
  Random random(9);
  const std::vector<std::string> words = {"human",   "pose",  "global",  "camera", "shape", "point",
                                          "polygon", "none",  "v0=1",    "v1=5",   "v2=7",  "v3=9",
                                          "v0=-4",   "v0=",   "v9=1",    "",       "=",     "v1=511",
                                          "v0=999",  "[EOS]", "v1=1e99", "v1=20",  "v1=-1", "v0=9223372036854775807"};
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> text(random.below(60));
    for (auto& word : text) word = random.pick(words);
    const std::string joined = join(text, " ");
    metadata_from_string(joined);
    palette_from_string(joined);
    poses_from_string(joined);
    sam_from_string(joined);
    boxes_from_string(joined);
  }
}

}  // namespace
}  // namespace fourm
