#include "fourm/io/model_folder.h"

#include <gtest/gtest.h>

#include "fourm/core/file.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(ModelFolder, ARunStandsForItsFinishedModel) {
  const test::TemporaryFolder folder;
  const fs::path run = folder / "run";
  write_file(run / "recipe.yaml", "");
  EXPECT_FALSE(is_run_folder(run));
  EXPECT_EQ(model_folder(run), run) << "a folder without checkpoints is no run";
  make_folder(run / "checkpoints");
  EXPECT_TRUE(is_run_folder(run));
  EXPECT_EQ(newest_checkpoint(run), "");
  EXPECT_NE(test::message_of([&] { model_folder(run); }).find("no finished model yet (no checkpoint so far)"),
            std::string::npos);
  for (const char* step : {"step-000500", "step-999999", "step-1000000", ".step-2000000"})
    write_file(run / "checkpoints" / step / "state.json", "{}");
  EXPECT_EQ(newest_checkpoint(run), "step-1000000") << "by number, not by letters";
  EXPECT_NE(test::message_of([&] { model_folder(run); }).find("newest checkpoint: step-1000000"), std::string::npos);
  write_file(run / "model/config.json", "{}");
  EXPECT_EQ(model_folder(run), run / "model");
}

TEST(ModelFolder, ACheckpointIsNoModelAndOtherPathsStay) {
  const test::TemporaryFolder folder;
  const fs::path step = folder / "checkpoints/step-000001";
  write_file(step / "optimizer.safetensors", "");
  write_file(step / "state.json", "");
  EXPECT_NE(test::message_of([&] { model_folder(step); }).find("is a checkpoint of training"), std::string::npos);
  write_file(folder / "model/config.json", "{}");
  for (const fs::path& path : {folder / "model", folder / "model/config.json", folder / "nowhere"})
    EXPECT_EQ(model_folder(path), path);
  EXPECT_EQ(folder_of_model(folder / "model"), folder / "model");
  EXPECT_EQ(folder_of_model(folder / "model/config.json"), folder / "model");
}

}  // namespace
}  // namespace fourm
