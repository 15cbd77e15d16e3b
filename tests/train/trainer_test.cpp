#include "fourm/train/trainer.h"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <limits>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"
#include "fourm/train/records.h"
#include "fourm/train/schedule.h"
#include "tests/support/captured_log.h"
#include "tests/support/small_recipe.h"
#include "tests/support/temporary_folder.h"

extern char** environ;

namespace fourm {
namespace {

// A run folder that is not there yet.
struct Scratch {
  test::TemporaryFolder temporary;
  fs::path path = temporary / "run";
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
    if (index == infinite_gradient_at)  // a finite loss: sqrt'(0) is infinite
      return {(w1_ - w1_.detach()).square().sum().sqrt() + 1, {}};
    if (index == nan_at) return {w1_.sum() * std::numeric_limits<double>::quiet_NaN(), {}};
    Random random(11, {static_cast<uint64_t>(index)});
    Tensor x = at::empty({64, 16});
    for (int64_t i = 0; i < x.numel(); ++i) x.data_ptr<float>()[i] = static_cast<float>(random.normal());
    mean_ = x.mean(0);
    const Tensor y = at::linear(at::tanh(at::linear(x + seen_, w1_)), w2_);
    const Tensor value = (y - x.slice(1, 0, 4).sin()).square().mean();
    return {value, {{"part", value.item<double>()}}};
  }
  void update_buffers(int64_t step) override {
    const NoGradGuard no_grad;
    seen_.mul_(0.9).add_(mean_);
    stop = stop || step == stop_at_update;
  }
  Evaluation evaluate(int64_t step) override {
    stop = stop || step == stop_at_evaluation;
    Evaluation result{
        {{"size", w1_.square().sum().item<double>()}},
        {},
        baseline ? std::map<std::string, Baseline>{{"size", *baseline}} : std::map<std::string, Baseline>{}};
    if (first_is_best) result.metrics[result.main] = static_cast<double>(step);
    return result;
  }
  void save(const fs::path& folder) override { save_parameters(folder / "model.safetensors", all_); }

  int64_t kill_at = -1, stop_at = -1, nan_at = -1, infinite_gradient_at = -1, stop_at_update = -1,
          stop_at_evaluation = -1;
  bool stop = false;  // asked for
  bool first_is_best = false;
  std::optional<Baseline> baseline;

 private:
  SeedSource source_;
  Parameters all_;
  Scope scope_;
  Tensor w1_, w2_, seen_, mean_;
};

using Recipe = test::SmallRecipe;

TrainingConfig config() {
  TrainingConfig c;
  c.precision = "f32";
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

Outcome run(const fs::path& folder, int64_t kill_at = -1, int64_t stop_at = -1) {
  Line line;
  line.kill_at = kill_at;
  line.stop_at = stop_at;
  return train(line, Recipe{folder.string(), config()}, [&] { return line.stop; });
}

// Runs this test program again, where only TrainerChild runs, and waits for its end.
int run_in_child(const fs::path& folder, int64_t kill_at) {
  setenv("FOURM_TRAIN_FOLDER", folder.c_str(), 1);
  setenv("FOURM_TRAIN_KILL", std::to_string(kill_at).c_str(), 1);
  std::string program = "/proc/self/exe", filter = "--gtest_filter=TrainerChild.*",
              disabled = "--gtest_also_run_disabled_tests", brief = "--gtest_brief=1";
  char* arguments[] = {program.data(), filter.data(), disabled.data(), brief.data(), nullptr};
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
  const Scratch undisturbed, killed;
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

// As if a process had been killed after the folder before was removed.
TEST(Trainer, TheBestModelSurvivesAKillWithinItsReplacement) {
  const Scratch undisturbed, killed;
  const auto run_to = [](const fs::path& folder, int64_t stop_at) {
    Line line;
    line.first_is_best = true;
    line.stop_at = stop_at;
    TrainingConfig c = config();
    c.keep_best = true;
    return train(line, Recipe{folder.string(), c}, [&] { return line.stop; }).finished;
  };
  EXPECT_TRUE(run_to(undisturbed.path, -1));
  const std::string best = read_file(undisturbed.path / "model/model.safetensors");
  EXPECT_EQ(best, read_file(undisturbed.path / "best/model.safetensors"));
  EXPECT_FALSE(run_to(killed.path, 75));
  fs::rename(killed.path / "best", killed.path / ".best.written");
  EXPECT_TRUE(run_to(killed.path, -1));
  EXPECT_EQ(read_file(killed.path / "model/model.safetensors"), best);
}

// The records have the rate of their last step, not a mean over the steps since the record before.
TEST(Trainer, RecordsHaveTheLearningRateOfTheirStep) {
  const Scratch scratch;
  ASSERT_TRUE(run(scratch.path).finished);
  const Schedule schedule(config().schedule, config().steps);
  int64_t last = 0;
  for (const Record& record : read_records(scratch.path / "metrics.jsonl"))
    if (record.kind == "train") {
      last = record.step;
      EXPECT_DOUBLE_EQ(record.values.at("lr").get<double>(), schedule(last - 1)) << last;
    }
  EXPECT_EQ(last, config().steps);
}

// The second micro-batch of step 4 and the first of step 31 cannot be used.
void break_two_steps(Line& line) {
  line.nan_at = 2 * 3 + 1;
  line.infinite_gradient_at = 2 * 30;
}

// They change nothing, and are counted over the whole run.
TEST(Trainer, StepsThatAreNotFiniteAreSkipped) {
  const Scratch scratch, stopped;
  const auto run_with = [](const fs::path& folder, int64_t stop_at) {
    Line line;
    break_two_steps(line);
    line.stop_at = stop_at;
    return train(line, Recipe{folder.string(), config()}, [&] { return line.stop; });
  };
  const test::CapturedLog captured;
  EXPECT_TRUE(run_with(scratch.path, -1).finished);
  for (const char* expected :
       {"the loss (nan) of step 4 cannot be used: the step is skipped (1 of at most 100)",
        "the gradient (norm nan) of step 31 cannot be used: the step is skipped (2 of at most 100)",
        "2 of 60 steps had a loss or gradient that could not be used and were skipped"})
    EXPECT_NE(captured.warnings().find(expected), std::string::npos) << captured.warnings();
  EXPECT_FALSE(run_with(stopped.path, 2 * 20).finished);
  EXPECT_TRUE(run_with(stopped.path, -1).finished);
  expect_same_run(scratch.path, stopped.path);
  EXPECT_NE(records(scratch.path).find("\"skipped_steps\":1.0"), std::string::npos);
  EXPECT_NE(records(scratch.path).find("\"skipped_steps\":2.0"), std::string::npos);
  EXPECT_EQ(records(scratch.path).find("null"), std::string::npos);
}

// Weights, optimizer and averages after a skipped step are those before it.
TEST(Trainer, ASkippedStepChangesNothing) {
  const Scratch scratch;
  TrainingConfig c = config();
  c.steps = 8;
  c.checkpoint_every = 1;
  c.keep_checkpoints = 8;
  Line line;
  line.nan_at = 2 * 5;  // of step 6
  train(line, Recipe{scratch.path.string(), c});
  const auto file = [&](int step, const std::string& name) {
    return read_file(scratch.path / "checkpoints" / concat("step-00000", step) / name);
  };
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "average.safetensors"}) {
    EXPECT_TRUE(file(5, name) == file(6, name)) << name;
    EXPECT_FALSE(file(6, name) == file(7, name)) << name;
  }
}

TEST(Trainer, TooManySkippedStepsEndTheRun) {
  const auto failure = [](const fs::path& folder, int64_t most) -> std::string {
    Line line;
    break_two_steps(line);
    Recipe recipe{folder.string(), config()};
    recipe.training.max_skipped = most;
    try {
      train(line, recipe);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const Scratch none, one, undisturbed;
  const std::string first = failure(none.path, 0);
  EXPECT_NE(first.find("the loss (nan) of step 4 cannot be used, and training.max_skipped is 0"), first.npos) << first;
  // The count is that of the run, which a checkpoint keeps: the second attempt ends where the first has.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::string second = failure(one.path, 1);
    EXPECT_NE(
        second.find("of step 31 cannot be used, and that makes 2 skipped steps, more than training.max_skipped (1)"),
        second.npos)
        << second;
    EXPECT_NE(second.find("step-000030"), second.npos) << second;
  }
  EXPECT_EQ(failure(one.path, 2), "");
  EXPECT_EQ(failure(undisturbed.path, 2), "");
  expect_same_run(undisturbed.path, one.path);
}

// A step is skipped exactly where the gradient of the record is at least skip_norm.
TEST(Trainer, StepsWithLongGradientsAreSkipped) {
  const Scratch all, skipping;
  TrainingConfig c = config();
  c.steps = 1;
  c.schedule.warmup_steps = 0;
  c.log_every = 1;
  Line line;
  train(line, Recipe{all.path.string(), c});
  const Json first =
      Json::parse(read_file(all.path / "metrics.jsonl").substr(0, read_file(all.path / "metrics.jsonl").find('\n')));
  const auto norm = first["train"]["gradient_norm"].get<double>();
  for (const auto& [most, skips] : {std::pair{norm, true}, std::pair{norm * 1.001, false}}) {
    const Scratch scratch;
    c.optimizer.skip_norm = most;
    Line again;
    const test::CapturedLog captured;
    train(again, Recipe{scratch.path.string(), c});
    EXPECT_EQ(captured.warnings().find("skip_norm is") != std::string::npos, skips) << captured.warnings();
    EXPECT_EQ(read_file(scratch.path / "model/model.safetensors") == read_file(all.path / "model/model.safetensors"),
              !skips);
  }
}

TEST(Trainer, TheFormerKeyIsRead) {
  for (const auto& [value, most] : {std::pair{"true", TrainingConfig().max_skipped}, {"false", int64_t{0}}}) {
    const test::CapturedLog captured;
    TrainingConfig c;
    read_config(parse_yaml(concat("skip_non_finite: ", value), "recipe.yaml"), c, "recipe.yaml");
    EXPECT_EQ(c.max_skipped, most);
    EXPECT_NE(captured.warnings().find("recipe.yaml: 'training.skip_non_finite' is read as"), std::string::npos);
  }
}

TEST(Trainer, StopRequestSavesAndGoesOn) {
  const Scratch undisturbed, stopped;
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
    const Scratch scratch;
    const Outcome outcome = train(line, Recipe{scratch.path.string(), config()}, token);
    EXPECT_FALSE(outcome.finished) << name;
    EXPECT_LE(outcome.step, most) << name;
    char step[32];
    std::snprintf(step, sizeof step, "step-%06d", static_cast<int>(outcome.step));
    EXPECT_TRUE(fs::exists(scratch.path / "checkpoints" / step / "state.json")) << name << " " << outcome.step;
  };
  for (int64_t wanted = 1; wanted <= 12; ++wanted) {  // at each time that the trainer looks
    Line line;
    int64_t calls = 0;
    expect_saved(
        line, [&] { return ++calls >= wanted; }, "look " + std::to_string(wanted), wanted);
  }
  const auto at = [&](const std::string& name, int64_t Line::*when, int64_t value, int64_t most) {
    Line line;
    line.*when = value;
    expect_saved(
        line, [&] { return line.stop; }, name, most);
  };
  at("first micro-batch", &Line::stop_at, 0, 1);
  at("second micro-batch", &Line::stop_at, 2 * 4 + 1, 5);
  at("update of buffers", &Line::stop_at_update, 6, 7);
  at("evaluation", &Line::stop_at_evaluation, 20, 21);  // after the look of that step
}

TEST(Trainer, KeepsTheNewestCheckpointsAndIgnoresHalfOnes) {
  const Scratch scratch;
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
  const Scratch scratch;
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
  const auto buffer = [&](const char* file) {
    return read_tensor(SafetensorsFile::open(scratch.path / file), "seen").clone();
  };
  EXPECT_TRUE(at::equal(buffer("model/model.safetensors"), buffer("checkpoints/step-000060/average.safetensors")));
  EXPECT_FALSE(at::equal(buffer("model/model.safetensors"), buffer("checkpoints/step-000060/model.safetensors")));
}

TEST(Trainer, AnErrorNamesStepAndCheckpoint) {
  const Scratch scratch;
  Line line;
  line.nan_at = 2 * 33;
  Recipe recipe{scratch.path.string(), config()};
  recipe.training.max_skipped = 0;
  try {
    train(line, recipe);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("step 34"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("step-000030"), std::string::npos) << error.what();
  }
}

TEST(Trainer, OtherRecipeInTheSameFolderIsRefused) {
  const Scratch scratch;
  run(scratch.path);
  TrainingConfig other = config();
  other.schedule.lr = 0.5;
  Line line;
  try {
    train(line, Recipe{scratch.path.string(), other});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("training.schedule.lr was '0.01', now '0.5'"), std::string::npos)
        << error.what();
  }
}

// What a training writes to stderr.
template <class Body>
std::string messages(const Body& body) {
  const test::CapturedLog captured;
  std::string failure;
  try {
    body();
  } catch (const Error& error) {
    failure = error.what();
  }
  return captured.text() + failure;
}

// Length, place, threads and intervals may change; what is computed stays the same, bit for bit.
TEST(Trainer, ARunIsLengthenedMovedAndRecordedOtherwise) {
  const Scratch whole, first, moved;
  TrainingConfig c = config();
  c.schedule.decay = "constant";
  c.steps = 80;
  Line undisturbed;
  train(undisturbed, Recipe{whole.path.string(), c});
  c.steps = 60;
  Line line;
  train(line, Recipe{first.path.string(), c});
  fs::rename(first.path, moved.path);
  c.steps = 80;
  c.log_every = 3;
  c.evaluate_every = 0;
  c.checkpoint_every = 15;
  c.keep_checkpoints = 5;
  Line again;
  Outcome outcome{};
  const std::string said = messages([&] { outcome = train(again, Recipe{moved.path.string(), c}); });
  EXPECT_TRUE(outcome.finished);
  EXPECT_EQ(outcome.step, 80);
  EXPECT_TRUE(read_file(whole.path / "model/model.safetensors") == read_file(moved.path / "model/model.safetensors"));
  EXPECT_NE(said.find("training.steps was '60', now '80'"), std::string::npos) << said;
  EXPECT_NE(said.find("resumes from step 60"), std::string::npos) << said;
  EXPECT_EQ(said.find("learning rate"), std::string::npos) << said;
  const YAML::Node stored = read_yaml(moved.path / "recipe.yaml");
  EXPECT_EQ(stored["training"]["steps"].as<int64_t>(), 80);
  EXPECT_EQ(stored["out"].as<std::string>(), moved.path.string());
}

// A cooldown may be asked for while the run lives: all before it is as without.
TEST(Trainer, ASteadyRunIsBroughtToItsEnd) {
  const Scratch whole, later;
  const auto run_to = [](const fs::path& folder, int64_t steps, int64_t cooldown) {
    TrainingConfig c = config();
    c.schedule.decay = "inverse_sqrt";
    c.schedule.timescale = 30;
    c.steps = steps;
    c.schedule.cooldown_steps = cooldown;
    Line line;
    train(line, Recipe{folder.string(), c});
  };
  run_to(whole.path, 70, 10);
  run_to(later.path, 60, 0);
  run_to(later.path, 70, 10);
  EXPECT_TRUE(read_file(whole.path / "model/model.safetensors") == read_file(later.path / "model/model.safetensors"));
  run_to(later.path, 80, 0);
  EXPECT_FALSE(read_file(whole.path / "model/model.safetensors") == read_file(later.path / "model/model.safetensors"));
}

TEST(Trainer, ADecayFollowsTheNewLengthAndSaysSo) {
  const Scratch scratch;
  TrainingConfig c = config();
  Line line, again, shorter;
  train(line, Recipe{scratch.path.string(), c});
  c.steps = 90;
  const std::string said = messages([&] { train(again, Recipe{scratch.path.string(), c}); });
  EXPECT_NE(said.find("the learning rate follows the schedule of the new length"), std::string::npos) << said;
  c.steps = 50;
  const std::string refused = messages([&] { train(shorter, Recipe{scratch.path.string(), c}); });
  EXPECT_NE(refused.find("has done 90 steps, more than training.steps=50"), std::string::npos) << refused;
  EXPECT_EQ(read_yaml(scratch.path / "recipe.yaml")["training"]["steps"].as<int64_t>(), 90);
}

TEST(Trainer, EndsNameTheModelAndItsMeasures) {
  const Scratch scratch;
  const std::string model = (scratch.path / "model").string();
  Line line, again;
  const std::string said = messages([&] { train(line, Recipe{scratch.path.string(), config()}); });
  EXPECT_NE(said.find(model + ": the model after 60 steps; size "), std::string::npos) << said;
  EXPECT_EQ(said.find("warning:"), std::string::npos) << said;
  const std::string finished = messages([&] { train(again, Recipe{scratch.path.string(), config()}); });
  EXPECT_NE(finished.find("all 60 steps are done; a larger training.steps continues the run"), std::string::npos)
      << finished;
  EXPECT_NE(finished.find(model), std::string::npos) << finished;
  for (const bool higher : {true, false}) {
    fs::remove_all(scratch.path);
    Line poor;
    poor.baseline = Baseline{higher ? 1e6 : -1, higher, "a coin"};
    const std::string warned = messages([&] { train(poor, Recipe{scratch.path.string(), config()}); });
    EXPECT_NE(warned.find("warning: " + model + ": worse than without learning: size is "), std::string::npos)
        << warned;
    EXPECT_NE(warned.find("for a coin"), std::string::npos) << warned;
  }
}

// "auto" is what the run began with; the folder records it.
TEST(Trainer, ARunKeepsItsPrecision) {
  EXPECT_EQ(resolve_precision("auto", std::nullopt, true), "bf16");
  EXPECT_EQ(resolve_precision("auto", std::nullopt, false), "f32");
  EXPECT_EQ(resolve_precision("auto", "f32", true), "f32");
  EXPECT_EQ(resolve_precision("f32", "bf16", true), "f32");
  TrainingConfig misspelt;
  misspelt.precision = "bf61";
  EXPECT_THROW(check_training(misspelt), Error);
  for (const auto& [asked, begun, warns] :
       std::vector<std::tuple<std::string, std::optional<std::string>, bool>>{{"bf16", std::nullopt, true},
                                                                              {"auto", "bf16", true},
                                                                              {"f32", std::nullopt, false},
                                                                              {"auto", "f32", false}}) {
    const std::string said = messages([&, a = asked, b = begun] { resolve_precision(a, b, false); });
    EXPECT_EQ(said.starts_with("warning: training.precision is bf16"), warns) << said;
    EXPECT_EQ(messages([&, a = asked, b = begun] { resolve_precision(a, b, true); }), "");
  }
  for (const char* begun : {"f32", "bf16"}) {
    const Scratch scratch;
    TrainingConfig c = config();
    c.precision = begun;
    Line first, second, third;
    first.stop_at = 2 * 5;
    train(first, Recipe{scratch.path.string(), c}, [&] { return first.stop; });
    c.precision = "auto";
    EXPECT_TRUE(train(second, Recipe{scratch.path.string(), c}).finished);
    EXPECT_EQ(read_yaml(scratch.path / "recipe.yaml")["training"]["precision"].as<std::string>(), begun);
    c.precision = begun == std::string("f32") ? "bf16" : "f32";
    const std::string refused = messages([&] { train(third, Recipe{scratch.path.string(), c}); });
    EXPECT_NE(refused.find(concat("training.precision was '", begun, "'")), std::string::npos) << refused;
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
  const Scratch scratch;
  const Recipe recipe{scratch.path.string(), config()};
  const RunFolder held(scratch.path, run_recipe(recipe));
  Line line;
  EXPECT_THROW(train(line, recipe), Error);
}

}  // namespace
}  // namespace fourm
