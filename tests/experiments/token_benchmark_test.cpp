#include "fourm/experiments/token_benchmark.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/experiments/spread.h"
#include "fourm/train/run.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/small_benchmark.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class TokenBenchmark : public testing::Test {
 protected:
  test::TemporaryFolder temporary_;
  fs::path root_ = temporary_.path();
  TokenBenchmarkConfig config_ = test::small_benchmark(root_);
  test::CapturedLog log_;
};

TEST_F(TokenBenchmark, ATaskGivesAllInputsAndPredictsAllOfItsTarget) {
  config_.tasks[2].input = {"rgb@64", "caption"};
  const PretrainConfig recipe = recipe_of(config_, config_.tasks[2], 3);
  EXPECT_EQ(recipe.out, (root_ / "benchmark/text_to_depth/seed3").string());
  EXPECT_EQ(recipe.seed, 3u);
  EXPECT_EQ(recipe.model.domains_in, (std::vector<std::string>{"rgb@64", "caption"}));
  EXPECT_EQ(recipe.model.domains_out, (std::vector<std::string>{"tok_depth@64"}));
  EXPECT_EQ(recipe.masking.input_tokens, (std::vector<int64_t>{16 + 16, 16 + 16}));
  EXPECT_EQ(recipe.masking.target_tokens, (std::vector<int64_t>{16, 16}));
  EXPECT_EQ(recipe.training.schedule.lr, 0.02) << "of the group";
  EXPECT_EQ(recipe_of(config_, config_.tasks[1], 0).training.steps, 4) << "of the task";
}

TEST_F(TokenBenchmark, TheBestEvaluationCounts) {
  const BenchmarkResult result = run_token_benchmark(config_);
  ASSERT_EQ(result.tasks.size(), 3u);
  EXPECT_EQ(result.missing, 0);
  for (const auto& task : result.tasks) {
    double best = 1e9;
    int64_t evaluations = 0;
    const fs::path run = root_ / "benchmark" / task.name / "seed0";
    std::istringstream lines(read_file(run / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);)
      if (const Json record = Json::parse(line); record.contains("eval")) {
        best = std::min(best, record["eval"]["loss"].get<double>());
        ++evaluations;
      }
    EXPECT_EQ(task.runs.at(0).loss, best) << task.name;
    EXPECT_EQ(task.runs.at(0).evaluations, evaluations) << task.name;
    EXPECT_FALSE(fs::exists(run / "checkpoints")) << "only records are left";
    EXPECT_FALSE(fs::exists(run / "model"));
  }
  const auto groups = result.groups();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].name, "RGB -> X");
  EXPECT_DOUBLE_EQ(groups[0].losses.at(0), (result.tasks[0].runs[0].loss + result.tasks[1].runs[0].loss) / 2);
  EXPECT_DOUBLE_EQ(result.averages().at(0), (groups[0].losses[0] + groups[1].losses[0]) / 2)
      << "groups count alike, not tasks";
  EXPECT_TRUE(fs::exists(root_ / "benchmark/benchmark.md"));
  EXPECT_EQ(read_json(root_ / "benchmark/benchmark.json")["average"], result.averages()[0]);
}

TEST_F(TokenBenchmark, SeveralSeedsAreRunsOfTheirOwn) {
  config_ = with_tasks(config_, {"depth"});
  const double first = run_token_benchmark(config_).averages().at(0);
  config_.seeds = {0, 1};
  const BenchmarkResult result = run_token_benchmark(config_);
  const std::vector<double> losses = result.tasks.at(0).losses();
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0], first) << "the run of the first seed is taken over";
  EXPECT_NE(losses[1], first);
  EXPECT_EQ(result.averages(), losses);
  EXPECT_NE(benchmark_table(result).find(with_interval(losses, 4)), std::string::npos);
  fs::remove(root_ / "benchmark/depth/seed1/result.json");
  EXPECT_EQ(finished_tasks(config_).missing, 1) << "a task counts with all of its seeds";
}

TEST_F(TokenBenchmark, ResumesToTheSameResult) {
  TokenBenchmarkConfig other = config_;
  other.out = (root_ / "stopped").string();
  int64_t steps = 0;
  const BenchmarkResult part = run_token_benchmark(other, [&] { return ++steps > 8; });
  EXPECT_GT(part.missing, 0);
  EXPECT_FALSE(fs::exists(root_ / "stopped/benchmark.md"));
  const BenchmarkResult resumed = run_token_benchmark(other), whole = run_token_benchmark(config_);
  for (size_t i = 0; i < whole.tasks.size(); ++i) EXPECT_EQ(resumed.tasks[i].losses(), whole.tasks[i].losses());
}

TEST_F(TokenBenchmark, ARunOfAnotherProcessIsPassedOver) {
  const PretrainConfig recipe = recipe_of(config_, config_.tasks[0], 0);
  const RunFolder elsewhere(recipe.out, run_recipe(recipe));
  const BenchmarkResult result = run_token_benchmark(config_);
  EXPECT_EQ(result.missing, 1);
  EXPECT_EQ(result.tasks.size(), 2u);
  EXPECT_EQ(result.groups().size(), 1u) << "a group with an unfinished task has no mean";
  EXPECT_THROW(result.averages(), Error);
}

// Results of an earlier recipe are not taken for those of this one.
TEST_F(TokenBenchmark, ResultsOfAnotherRecipeAreRefused) {
  config_ = with_tasks(config_, {"depth"});
  const std::vector<double> losses = run_token_benchmark(config_).tasks[0].losses();
  const auto refused = [&](const char* change) {
    TokenBenchmarkConfig other = config_;
    other.tasks[0].set = {change};
    return test::message_of([&] { run_token_benchmark(other); });
  };
  EXPECT_NE(refused("training.schedule.lr=0.3").find("training.schedule.lr was '0.01', now '0.3'"), std::string::npos);
  EXPECT_NE(refused("training.steps=8").find("training.steps was '6', now '8'"), std::string::npos);
  TokenBenchmarkConfig same = config_;
  same.tasks[0].set = {"training.threads=2"};
  EXPECT_EQ(run_token_benchmark(same).tasks[0].losses(), losses);
}

TEST_F(TokenBenchmark, AFailureDoesNotEndTheOtherTasks) {
  config_.tasks[0].set = {"training.optimizer.skip_norm=1e-30", "training.max_skipped=1"};
  const BenchmarkResult result = run_token_benchmark(config_);
  EXPECT_EQ(result.missing, 1);
  EXPECT_EQ(result.tasks.size(), 2u);
  EXPECT_NE(log_.text().find("warning"), std::string::npos) << log_.text();
}

// As if the process had been killed after it wrote the result.
TEST_F(TokenBenchmark, LeftoversOfAFinishedTaskAreRemoved) {
  config_ = with_tasks(config_, {"depth"});
  const std::vector<double> losses = run_token_benchmark(config_).tasks[0].losses();
  fs::create_directories(root_ / "benchmark/depth/seed0/checkpoints");
  fs::create_directories(root_ / "benchmark/depth/seed0/model");
  EXPECT_EQ(run_token_benchmark(config_).tasks[0].losses(), losses);
  EXPECT_FALSE(fs::exists(root_ / "benchmark/depth/seed0/checkpoints"));
  EXPECT_FALSE(fs::exists(root_ / "benchmark/depth/seed0/model"));
}

TEST_F(TokenBenchmark, ErrorsNameTheTask) {
  const auto failure = [&](const auto& change) {
    TokenBenchmarkConfig broken = config_;
    change(broken);
    return test::message_of([&] { check_benchmark(broken); });
  };
  EXPECT_NE(failure([](auto& c) { c.tasks[0].set = {"steps"}; }).find("'depth'"), std::string::npos);
  EXPECT_NE(failure([](auto& c) { c.tasks[0].set = {"training.stepz=3"}; }).find("stepz"), std::string::npos);
  EXPECT_NE(failure([](auto& c) { c.tasks[0].target = "tok_depht@64"; }).find("tok_depth@64"), std::string::npos);
  EXPECT_NE(failure([](auto& c) { c.tasks[1].name = "depth"; }).find("two tasks"), std::string::npos);
  EXPECT_NE(failure([](auto& c) { c.tasks[1].name = "../x"; }).find("name"), std::string::npos);
  EXPECT_NE(failure([](auto& c) { c.recipe.seed = 2; }).find("'seeds'"), std::string::npos);
  EXPECT_NE(failure([](auto& c) { c.tasks[0].set = {"seed=2"}; }).find("sets seed"), std::string::npos);
  EXPECT_NE(failure([](auto& c) { c.groups["RGB"] = {}; }).find("RGB"), std::string::npos);
  EXPECT_NE(test::message_of([&] { with_tasks(config_, {"depht"}); }).find("depth"), std::string::npos);
}

}  // namespace
}  // namespace fourm
