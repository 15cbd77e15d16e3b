#include "fourm/experiments/ablation.h"

#include <gtest/gtest.h>

#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/experiments/spread.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/small_benchmark.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class Ablation : public testing::Test {
 protected:
  void SetUp() override {
    const TokenBenchmarkConfig benchmark = test::small_benchmark(root_);
    write_file(root_ / "pretrain.yaml", yaml_text(to_yaml(benchmark.recipe)));
    write_file(root_ / "benchmark.yaml", yaml_text(to_yaml(benchmark)));
    config_.out = (root_ / "out").string();
    config_.name = "input_budget";
    config_.title = "input tokens";
    config_.source = "Table 18";
    config_.recipe = (root_ / "pretrain.yaml").string();
    config_.benchmark = (root_ / "benchmark.yaml").string();
    config_.tasks = {"depth"};
    config_.seeds = {0, 1};
    config_.values = {{"8 to 16", {}, 16.0, 5.36}, {"4", {"masking.input_tokens=[4, 4]"}, 4.0, 5.5}, {"none", {}, 0.0}};
    config_.values[2].pretrain = false;
  }

  test::TemporaryFolder temporary_;
  fs::path root_ = temporary_.path();
  AblationConfig config_;
  test::CapturedLog log_;
};

TEST_F(Ablation, RunsAreNamedByTheirRecipe) {
  const auto run = [&](size_t value, uint64_t seed) { return run_of(config_, config_.values[value], seed); };
  EXPECT_EQ(run(0, 0).pretraining.out, run(0, 0).pretraining.out);
  EXPECT_NE(run(0, 0).pretraining.out, run(0, 1).pretraining.out) << "another seed";
  EXPECT_NE(run(0, 0).pretraining.out, run(1, 0).pretraining.out) << "another setting";
  EXPECT_EQ(run(1, 0).pretraining.masking.input_tokens, (std::vector<int64_t>{4, 4}));
  EXPECT_EQ(run(1, 1).benchmark.recipe.init, run(1, 1).pretraining.out + "/model");
  EXPECT_EQ(run(1, 1).benchmark.seeds, (std::vector<uint64_t>{1}));
  EXPECT_EQ(run(2, 0).benchmark.recipe.init, "");
  EXPECT_EQ(run(2, 0).benchmark.recipe.model.dim, 16);
  EXPECT_EQ(run(0, 0).benchmark.tasks.size(), 1u);
}

TEST_F(Ablation, TheTableHasMeansDeviationsAndThePaper) {
  const AblationResult result = run_ablation(config_);
  EXPECT_EQ(result.missing, 0);
  ASSERT_EQ(result.values.size(), 3u);
  for (const auto& value : result.values) {
    ASSERT_EQ(value.seeds.size(), 2u);
    EXPECT_NE(value.seeds[0].averages().at(0), value.seeds[1].averages().at(0)) << "seeds differ";
  }
  const Json json = read_json(root_ / "out/input_budget.json");
  const double a = result.values[0].seeds[0].averages().at(0), b = result.values[0].seeds[1].averages().at(0);
  EXPECT_DOUBLE_EQ(json["values"][0]["mean"].get<double>(), (a + b) / 2);
  EXPECT_DOUBLE_EQ(json["values"][0]["deviation"].get<double>(), std::abs(a - b) / std::sqrt(2));
  EXPECT_NEAR(json["values"][0]["interval"].get<double>(), 12.706 * std::abs(a - b) / 2, 1e-12);
  const std::string table = read_file(root_ / "out/input_budget.md");
  EXPECT_NE(table.find("paper (Table 18)"), std::string::npos) << table;
  EXPECT_NE(table.find(concat("| ", with_interval({a, b}, 3), " |")), std::string::npos) << table;
  EXPECT_NE(table.find("| 5.36 |"), std::string::npos) << table;
  EXPECT_NE(table.find("Order in the paper: 8 to 16 < 4\n"), std::string::npos) << table;
  EXPECT_NE(read_file(root_ / "out/input_budget.svg").find("average loss"), std::string::npos);
}

TEST_F(Ablation, EqualRunsAreDoneOnce) {
  run_ablation(config_);
  const auto runs = [&] { return std::distance(fs::directory_iterator(root_ / "out/runs"), fs::directory_iterator()); };
  EXPECT_EQ(runs(), 6);
  AblationConfig other = config_;
  other.name = "target_budget";
  other.values = {config_.values[0], {"8", {"masking.target_tokens=[8, 8]"}}};
  run_ablation(other);
  EXPECT_EQ(runs(), 8) << "the reference was there already";
}

TEST_F(Ablation, StopsAndResumes) {
  int64_t steps = 0;
  const AblationResult part = run_ablation(config_, [&] { return ++steps > 10; });
  EXPECT_GT(part.missing, 0);
  EXPECT_FALSE(fs::exists(root_ / "out/input_budget.md"));
  const AblationResult resumed = run_ablation(config_);
  AblationConfig again = config_;
  again.out = (root_ / "again").string();
  const AblationResult whole = run_ablation(again);
  for (size_t i = 0; i < whole.values.size(); ++i)
    for (size_t k = 0; k < whole.values[i].seeds.size(); ++k)
      EXPECT_EQ(resumed.values[i].seeds[k].averages().at(0), whole.values[i].seeds[k].averages().at(0));
}

TEST_F(Ablation, ErrorsNameTheValue) {
  config_.values[1].set = {"masking.input_tokenz=[4, 4]"};
  const std::string message = test::message_of([&] { check_ablation(config_); });
  EXPECT_NE(message.find("'4'"), std::string::npos) << message;
  EXPECT_NE(message.find("input_tokenz"), std::string::npos) << message;
}

}  // namespace
}  // namespace fourm
