// Checkpoints that are written while the training continues.
#include "fourm/train/checkpoint_writer.h"

#include <gtest/gtest.h>

#include "fourm/train/checkpoint.h"
#include "tests/support/message_of.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class CheckpointWriterTest : public testing::Test {
 protected:
  static std::unique_ptr<RunFolder> open(const fs::path& folder) {
    const RunRecipe recipe{
        parse_yaml("steps: 1", "the test"), {}, [](YAML::Node stored, const std::string&, int) { return stored; }};
    auto run = std::make_unique<RunFolder>(folder, recipe);
    run->begin(0);
    return run;
  }
  static std::vector<CheckpointFile> file(const std::string& name, const Tensor& x) { return {{name, {{"x", x}}}}; }
  static bool holds(const fs::path& file, const Tensor& x) {
    return at::equal(read_tensor(SafetensorsFile::open(file), "x"), x);
  }

  static constexpr RunFolder::Keep kKeep{2, 0};
  test::TemporaryFolder temporary_;
  fs::path folder_ = temporary_ / "run";
};

TEST_F(CheckpointWriterTest, HoldsTheTensorsOfTheStart) {
  const auto run = open(folder_);
  CheckpointWriter writer({}, run.get(), kKeep);
  const Tensor x = at::arange(1000, at::kFloat), before = x.clone();
  writer.start(3, file("model.safetensors", x), {{"step", 3}, {"meter", Json::object()}});
  x.zero_();
  EXPECT_TRUE(run->checkpoints().empty());
  EXPECT_TRUE(writer.newest().empty());
  writer.wait();
  ASSERT_EQ(run->checkpoints().size(), 1);
  EXPECT_EQ(writer.newest(), run->checkpoints()[0].folder);
  EXPECT_TRUE(holds(writer.newest() / "model.safetensors", before));
  EXPECT_EQ(read_json(writer.newest() / "state.json")["step"], 3);
  check_checkpoint(writer.newest());
}

TEST_F(CheckpointWriterTest, AStartCompletesTheOneBeforeAndAPollTheLast) {
  const auto run = open(folder_);
  CheckpointWriter writer({}, run.get(), kKeep);
  for (const int64_t step : {1, 2, 3, 4}) {
    writer.start(step, file("model.safetensors", at::full({8}, step, at::kFloat)),
                 {{"step", step}, {"meter", Json::object()}});
    EXPECT_EQ(run->checkpoints().size(), std::min<size_t>(2, static_cast<size_t>(step - 1)));
  }
  while (writer.newest().filename() != "step-000004") writer.poll();
  EXPECT_EQ(run->checkpoints().size(), 2);
  for (const auto& checkpoint : run->checkpoints())
    EXPECT_TRUE(holds(checkpoint.folder / "model.safetensors", at::full({8}, checkpoint.step, at::kFloat)));
}

TEST_F(CheckpointWriterTest, OneThatIsNotCompleteIsDropped) {
  auto run = open(folder_);
  CheckpointWriter({}, run.get(), kKeep).start(1, file("model.safetensors", at::ones({8})), Json::object());
  EXPECT_TRUE(run->checkpoints().empty());
  EXPECT_TRUE(fs::exists(folder_ / "checkpoints/.step-000001"));
  run.reset();
  open(folder_);  // as the next process of the run
  EXPECT_TRUE(fs::is_empty(folder_ / "checkpoints"));
}

TEST_F(CheckpointWriterTest, EachProcessWritesItsFiles) {
  test::in_ranks(3, [&](const ProcessGroup& group) {
    const auto run = group.is_first() ? open(folder_) : nullptr;
    CheckpointWriter writer(group, run.get(), kKeep);
    writer.start(5, file(concat("part", group.rank(), ".safetensors"), at::full({8}, group.rank(), at::kFloat)),
                 {{"step", 5}, {"meter", Json::object()}});
    writer.wait();
    group.barrier();
    const fs::path checkpoint = folder_ / "checkpoints/step-000005";
    EXPECT_TRUE(
        holds(checkpoint / concat("part", group.rank(), ".safetensors"), at::full({8}, group.rank(), at::kFloat)));
    if (group.is_first()) {
      EXPECT_EQ(read_json(checkpoint / "state.json")["checksums"].size(), 3);
    }
  });
}

// The process that cannot write says why; the others name it.
TEST_F(CheckpointWriterTest, AFileThatCannotBeWrittenIsAnError) {
  const std::string too_long(300, 'x');
  for (const int64_t failing : {0, 1}) {
    const fs::path folder = temporary_ / concat("failing", failing);
    const auto errors = test::errors_in_ranks(2, [&](const ProcessGroup& group) {
      const auto run = group.is_first() ? open(folder) : nullptr;
      CheckpointWriter writer(group, run.get(), kKeep);
      writer.start(1, file(group.rank() == failing ? too_long : "fine.safetensors", at::ones({8})), Json::object());
      while (true) writer.poll(), group.barrier();
    });
    EXPECT_NE(errors[failing].find("cannot be written"), std::string::npos) << errors[failing];
    EXPECT_EQ(errors[1 - failing], concat("rank ", failing, ": ", errors[failing]));
    EXPECT_FALSE(fs::exists(folder / "checkpoints/step-000001"));
  }
}

}  // namespace
}  // namespace fourm
