#include "fourm/train/clip_training.h"

#include <gtest/gtest.h>

#include "fourm/clip/clip_model.h"
#include "fourm/core/config.h"
#include "tests/support/described_images.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class ClipTrainingTest : public testing::Test {
 protected:
  void SetUp() override { test::write_described_discs(root / "data", 64); }

  ClipRecipe recipe(const std::string& name) const {
    ClipRecipe r;
    r.out = (root / name).string();
    r.data = r.eval_data = (root / "data").string();
    r.text_tokenizer = (root / "data/text.json").string();
    r.batch = 16;
    r.model.image_size = 32;
    r.model.patch_size = 8;
    r.model.embed_dim = 16;
    r.model.image_width = r.model.text_width = 32;
    r.model.image_depth = r.model.text_depth = 1;
    r.model.image_heads = r.model.text_heads = 2;
    r.training.steps = 60;
    r.training.schedule.lr = 5e-3;
    r.training.schedule.warmup_steps = 5;
    r.training.evaluate_every = 0;
    r.training.checkpoint_every = 20;
    r.training.threads = 1;
    return r;
  }

  Json last_evaluation(const std::string& name) const {
    Json last;
    std::istringstream lines(read_file(root / name / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);)
      if (const Json record = Json::parse(line); record.contains("eval")) last = record["eval"];
    return last;
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
};

TEST_F(ClipTrainingTest, ImagesAndTextsFindEachOther) {
  ClipRecipe r = recipe("short");
  r.training.steps = r.training.schedule.warmup_steps = 1;
  train_clip(r);
  r = recipe("long");
  r.training.steps = 500;
  train_clip(r);
  const Json before = last_evaluation("short"), after = last_evaluation("long");
  // A random choice finds one in eight, without regard to sides one in two. Half are mirrored: the words follow.
  for (const char* measure : {"text_at_1", "image_at_1"}) {
    EXPECT_LT(before[measure].get<double>(), 0.5) << measure;
    EXPECT_GT(after[measure].get<double>(), 0.8) << measure;
  }
  EXPECT_LT(after["loss"].get<double>(), before["loss"].get<double>() - 0.5);
}

TEST_F(ClipTrainingTest, InterruptedAndContinuedIsTheSameBitForBit) {
  train_clip(recipe("whole"));
  train_clip(recipe("parts"));
  // Drops the end of the finished run: what a kill after step 40 leaves.
  fs::remove_all(root / "parts/model");
  fs::remove_all(root / "parts/checkpoints/step-000060");
  train_clip(recipe("parts"));
  for (const char* file : {"model/model.safetensors", "model/config.json", "model/tokenizer.json"})
    EXPECT_EQ(read_file(root / "whole" / file), read_file(root / "parts" / file)) << file;
}

TEST_F(ClipTrainingTest, WhatCannotBeTrainedOnIsNamed) {
  ClipRecipe r = recipe("wrong");
  r.batch = 65;
  EXPECT_THROW(train_clip(r), Error);
  r = recipe("wrong");
  r.model.image_heads = 3;
  EXPECT_THROW(train_clip(r), Error);
  r = recipe("wrong");
  write_file(root / "data/caption/1003.json", "[]");
  EXPECT_THROW(train_clip(r), Error);
  fs::remove_all(root / "data/caption");
  EXPECT_THROW(train_clip(r), Error);
}

TEST(ClipRecipes, TheModelOfRoomsIsSmall) {
  ClipRecipe r;
  load_config(fs::path(FOURM_SOURCE_DIR) / "configs/rooms/clip.yaml", {}, r);
  const test::TemporaryFolder temporary;
  const fs::path text = temporary / "clip_recipe_text.json";
  WordPieceTrainer words({.vocabulary_size = 1024, .sentinels = 20, .coordinates = 64, .classes = {}});
  words.add("a room with a chair");
  write_file(text, words.tokenizer_json());
  ClipModel model = ClipModel::create(r.model, text, 0);
  EXPECT_LT(2 * model.parameters().count(), 2'800'000);  // bytes in float16
  EXPECT_EQ(r.model.grid(), 8);
}

}  // namespace
}  // namespace fourm
