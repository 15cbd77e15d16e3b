#include "fourm/train/trainer.h"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <limits>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/rng.h"

extern char** environ;

namespace fourm {
namespace {

struct Scratch {
  fs::path path;
  explicit Scratch(const std::string& name) : path(fs::path(testing::TempDir()) / ("trainer_" + name)) {
    fs::remove_all(path);
    set_quiet(true);
  }
  ~Scratch() { fs::remove_all(path); }
};

// A small network learns random targets; a buffer counts what it has seen, as a codebook would.
class Line : public Objective {
 public:
  Line() : source_(3), scope_(all_, source_) {
    w1_ = scope_.parameter("fc1.weight", {32, 16}, Init::xavier(16, 32));
    w2_ = scope_.parameter("fc2.weight", {4, 32}, Init::xavier(32, 4));
    seen_ = scope_.buffer("seen", {16}, Init::zeros());
    all_.make_trainable();
    seen_ = all_.find("seen");
  }
  Parameters& parameters() override { return all_; }
  StepResult loss(int64_t index) override {
    if (index == kill_at) std::raise(SIGKILL);
    if (index == stop_at) stop = true;
    if (index == nan_at) return {w1_.sum() * std::numeric_limits<double>::quiet_NaN(), {}};
    Random random(11, {static_cast<uint64_t>(index)});
    Tensor x = at::empty({64, 16});
    for (int64_t i = 0; i < x.numel(); ++i) x.data_ptr<float>()[i] = static_cast<float>(random.normal());
    {
      const NoGradGuard no_grad;
      seen_.mul_(0.9).add_(x.mean(0));
    }
    const Tensor y = at::linear(at::tanh(at::linear(x + seen_, w1_)), w2_);
    const Tensor value = (y - x.slice(1, 0, 4).sin()).square().mean();
    return {value, {{"part", value.item<double>()}}};
  }
  void update_buffers(int64_t step) override { stop = stop || step == stop_at_update; }
  Evaluation evaluate(int64_t step) override {
    stop = stop || step == stop_at_evaluation;
    return {{{"size", w1_.square().sum().item<double>()}}, {}};
  }
  void save(const fs::path& folder) override { save_parameters(folder / "model.safetensors", all_); }

  int64_t kill_at = -1, stop_at = -1, nan_at = -1, stop_at_update = -1, stop_at_evaluation = -1;
  bool stop = false;  // asked for

 private:
  SeedSource source_;
  Parameters all_;
  Scope scope_;
  Tensor w1_, w2_, seen_;
};

TrainingConfig config() {
  TrainingConfig c;
  c.steps = 60;
  c.accumulate = 2;
  c.schedule = {.lr = 0.01, .warmup_steps = 5};
  c.optimizer.clip_norm = 0.5;
  c.ema_decay = 0.9;
  c.log_every = 7;
  c.evaluate_every = 20;
  c.checkpoint_every = 10;
  c.threads = 2;
  return c;
}

Outcome run(const fs::path& folder, int64_t kill_at = -1, int64_t stop_at = -1, int64_t nan_at = -1) {
  Line line;
  line.kill_at = kill_at;
  line.stop_at = stop_at;
  line.nan_at = nan_at;
  const TrainingConfig c = config();
  return train(line, c, to_yaml(c), folder, [&] { return line.stop; });
}

// Runs this test program again, where only TrainerChild runs, and waits for its end.
int run_in_child(const fs::path& folder, int64_t kill_at) {
  setenv("FOURM_TRAIN_FOLDER", folder.c_str(), 1);
  setenv("FOURM_TRAIN_KILL", std::to_string(kill_at).c_str(), 1);
  std::string program = "/proc/self/exe", filter = "--gtest_filter=TrainerChild.*",
              disabled = "--gtest_also_run_disabled_tests";
  char* arguments[] = {program.data(), filter.data(), disabled.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, fs::read_symlink(program).c_str(), nullptr, nullptr, arguments, environ), 0);
  int status = 0;
  waitpid(child, &status, 0);
  unsetenv("FOURM_TRAIN_FOLDER");
  return status;
}

TEST(TrainerChild, DISABLED_Run) {
  const char* folder = std::getenv("FOURM_TRAIN_FOLDER");
  ASSERT_TRUE(folder) << "this is the child of Trainer.KilledRunsEndBitEqual";
  set_quiet(true);
  run(folder, std::atoll(std::getenv("FOURM_TRAIN_KILL")));
}

// The metrics without their times.
std::string records(const fs::path& folder) {
  std::string all;
  std::istringstream lines(read_file(folder / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    Json record = Json::parse(line);
    if (record.contains("train")) record["train"].erase("seconds");
    all += record.dump() + "\n";
  }
  return all;
}

void expect_same_run(const fs::path& a, const fs::path& b) {
  for (const char* file :
       {"model/model.safetensors", "checkpoints/step-000060/model.safetensors",
        "checkpoints/step-000060/optimizer.safetensors", "checkpoints/step-000060/average.safetensors"})
    EXPECT_TRUE(read_file(a / file) == read_file(b / file)) << file;
  EXPECT_EQ(records(a), records(b));
}

TEST(Trainer, KilledRunsEndBitEqual) {
  const Scratch undisturbed("undisturbed"), killed("killed");
  EXPECT_TRUE(run(undisturbed.path).finished);
  Random random(5);
  int64_t kill_at = 3;  // before the first checkpoint
  for (int kills = 0; kills < 5; ++kills) {
    const int status = run_in_child(killed.path, kill_at);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    kill_at = std::min<int64_t>(kill_at + random.between(8, 35), 119);
  }
  EXPECT_TRUE(run(killed.path).finished);
  expect_same_run(undisturbed.path, killed.path);
}

TEST(Trainer, StopRequestSavesAndGoesOn) {
  const Scratch undisturbed("undisturbed2"), stopped("stopped");
  run(undisturbed.path);
  const Outcome outcome = run(stopped.path, -1, 2 * 23 + 1);
  EXPECT_FALSE(outcome.finished);
  EXPECT_EQ(outcome.step, 24);
  EXPECT_TRUE(fs::exists(stopped.path / "checkpoints/step-000024/state.json"));
  EXPECT_TRUE(run(stopped.path).finished);
  expect_same_run(undisturbed.path, stopped.path);
}

// Whenever a stop is asked for, the step that the outcome names is saved, at most one step later.
TEST(Trainer, AStopAtAnyPointLeavesACheckpoint) {
  const auto expect_saved = [](Line& line, const StopToken& token, const std::string& name, int64_t most) {
    const Scratch scratch("point");
    const TrainingConfig c = config();
    const Outcome outcome = train(line, c, to_yaml(c), scratch.path, token);
    EXPECT_FALSE(outcome.finished) << name;
    EXPECT_LE(outcome.step, most) << name;
    char step[32];
    std::snprintf(step, sizeof step, "step-%06d", static_cast<int>(outcome.step));
    EXPECT_TRUE(fs::exists(scratch.path / "checkpoints" / step / "state.json")) << name << " " << outcome.step;
  };
  for (int64_t wanted = 1; wanted <= 12; ++wanted) {  // at each time that the trainer looks
    Line line;
    int64_t calls = 0;
    expect_saved(line, [&] { return ++calls >= wanted; }, "look " + std::to_string(wanted), wanted);
  }
  const auto at = [&](const std::string& name, int64_t Line::*when, int64_t value, int64_t most) {
    Line line;
    line.*when = value;
    expect_saved(line, [&] { return line.stop; }, name, most);
  };
  at("first micro-batch", &Line::stop_at, 0, 1);
  at("second micro-batch", &Line::stop_at, 2 * 4 + 1, 5);
  at("update of buffers", &Line::stop_at_update, 6, 7);
  at("evaluation", &Line::stop_at_evaluation, 20, 21);  // after the look of that step
}

TEST(Trainer, KeepsTheNewestCheckpointsAndIgnoresHalfOnes) {
  const Scratch scratch("keep");
  fs::create_directories(scratch.path / "checkpoints" / ".step-000010");
  write_file(scratch.path / "checkpoints" / ".step-000010" / "model.safetensors", "half");
  run(scratch.path);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(scratch.path / "checkpoints"))
    names.insert(entry.path().filename().string());
  EXPECT_EQ(names, (std::set<std::string>{"step-000050", "step-000060"}));
  EXPECT_TRUE(run(scratch.path).finished) << "a finished run is finished at once";
}

TEST(Trainer, LearnsAndAverages) {
  const Scratch scratch("learns");
  run(scratch.path);
  const auto line = [&](size_t i) {
    std::istringstream lines(records(scratch.path));
    std::string text;
    for (size_t n = 0; n <= i; ++n) std::getline(lines, text);
    return Json::parse(text);
  };
  EXPECT_EQ(line(0)["step"], 7);
  EXPECT_LT(line(9)["train"]["loss"], 0.6 * line(0)["train"]["loss"].get<double>());
  EXPECT_NE(read_file(scratch.path / "model/model.safetensors"),
            read_file(scratch.path / "checkpoints/step-000060/model.safetensors"));
}

TEST(Trainer, StopsAtNanAndNamesStepAndCheckpoint) {
  const Scratch scratch("nan");
  try {
    run(scratch.path, -1, -1, 2 * 33);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("step 34"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("step-000030"), std::string::npos) << error.what();
  }
}

TEST(Trainer, OtherRecipeInTheSameFolderIsRefused) {
  const Scratch scratch("recipe");
  run(scratch.path);
  TrainingConfig other = config();
  other.schedule.lr = 0.5;
  Line line;
  try {
    train(line, other, to_yaml(other), scratch.path);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("schedule.lr was '0.01', now '0.5'"), std::string::npos) << error.what();
  }
}

TEST(Trainer, UnknownKeyNamesTheNearest) {
  TrainingConfig c;
  try {
    read_config(parse_yaml("optimizer: {weight_deacy: 0.1}", "recipe.yaml"), c, "recipe.yaml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'weight_decay'"), std::string::npos) << error.what();
  }
}

TEST(Trainer, OneProcessAFolder) {
  const Scratch scratch("lock");
  const TrainingConfig c = config();
  const RunFolder held(scratch.path, to_yaml(c));
  Line line;
  EXPECT_THROW(train(line, c, to_yaml(c), scratch.path), Error);
}

}  // namespace
}  // namespace fourm
