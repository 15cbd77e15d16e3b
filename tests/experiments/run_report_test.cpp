#include "fourm/experiments/run_report.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/experiments/token_benchmark.h"
#include "fourm/io/image.h"
#include "tests/support/damage.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class RunReportTest : public testing::Test {
 protected:
  void write_benchmark(const std::string& name, double depth) const {
    BenchmarkResult result;
    result.tasks = {{"rgb-depth", "RGB -> X", {{depth, 40, 2, 60}}}, {"x-y", "X -> Y", {{3.25, 40, 2, 60}}}};
    write_json(root / name / "benchmark.json", to_json(result));
    write_file(root / name / "rgb-depth/seed0/metrics.jsonl",
               concat("{\"step\":20,\"eval\":{\"loss\":5}}\n{\"step\":40,\"eval\":{\"loss\":", depth, "}}\n"));
  }
  void write_run(const std::string& name, const std::string& recipe, const std::string& metrics) const {
    make_folder(root / name / "checkpoints");
    write_file(root / name / "recipe.yaml", recipe);
    write_file(root / name / "metrics.jsonl", metrics);
  }
  static void expect_row(const DocumentTable& table, const std::vector<std::string>& row) {
    EXPECT_NE(std::find(table.rows.begin(), table.rows.end(), row), table.rows.end())
        << document_html({"", {{"", "", {table}, {}}}});
  }
  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
};

TEST_F(RunReportTest, BenchmarksStandSideBySide) {
  write_benchmark("tuned", 2.5);
  write_benchmark("scratch", 4.75);
  const Document document = run_report({root / "tuned", root / "scratch/benchmark.json"}, "Two");
  ASSERT_EQ(document.sections.size(), 1);
  const DocumentSection& section = document.sections[0];
  EXPECT_EQ(section.tables[0].header, (std::vector<std::string>{"group", "tuned", "scratch"}));
  expect_row(section.tables[0], {"RGB -> X", "2.5000", "4.7500"});
  expect_row(section.tables[0], {"mean of the groups", "2.8750", "4.0000"});
  expect_row(section.tables[1], {"rgb-depth", "RGB -> X", "2.5000", "4.7500"});
  ASSERT_EQ(section.figures.size(), 1);
  EXPECT_NE(section.figures[0].bytes.find("rgb-depth"), std::string::npos);
  EXPECT_EQ(section.figures[0].bytes.find("x-y"), std::string::npos) << "there is no record to draw";
}

TEST_F(RunReportTest, AllNamesHaveAsManyFoldersAsTellThemApart) {
  for (const char* run : {"one/a/seed0", "one/a/seed1", "two/b/seed0"}) write_benchmark(run, 2.5);
  const auto header = [&](const std::vector<fs::path>& paths) {
    return run_report(paths, "Runs").sections[0].tables[0].header;
  };
  EXPECT_EQ(header({root / "one/a/seed0", root / "one/a/seed1/"}),
            (std::vector<std::string>{"group", "seed0", "seed1"}));
  EXPECT_EQ(header({root / "one/a/seed0", root / "one/a/seed1", root / "two/b/seed0/benchmark.json"}),
            (std::vector<std::string>{"group", "a/seed0", "a/seed1", "b/seed0"}));
}

TEST_F(RunReportTest, ABenchmarkThatIsNotFinishedShowsItsTasks) {
  write_json(root / "half/rgb-depth/seed0/result.json",
             {{"loss", 2.25}, {"step", 40}, {"evaluations", 2}, {"seconds", 9.5}});
  make_folder(root / "half/rgb-clip");
  const Document document = run_report({root / "half"}, "Half");
  EXPECT_EQ(document.sections[0].tables[1].rows, (std::vector<std::vector<std::string>>{{"rgb-depth", "-", "2.2500"}}));
}

TEST_F(RunReportTest, AblationsHaveTheirTableAndPlot) {
  const Json value{{"name", "128"}, {"averages", {5, 6}}, {"groups", {{"X -> Y", {5, 6}}}}, {"paper", 5.36}};
  write_json(root / "ablations/input_budget.json",
             {{"title", "input tokens"}, {"source", "Table 18"}, {"values", Json::array({value})}, {"missing", 0}});
  write_file(root / "ablations/input_budget.svg", "<svg>the plot</svg>");
  for (const fs::path& path : {root / "ablations", root / "ablations/input_budget.json"}) {
    const Document document = run_report({path}, "Ablations");
    ASSERT_EQ(document.sections.size(), 1);
    EXPECT_EQ(document.sections[0].title, "Ablation: input tokens");
    expect_row(document.sections[0].tables[0], {"128", "5.500", "5.500 ± 6.353", "0.707", "2", "5.36"});
    EXPECT_EQ(document.sections[0].figures[0].bytes, "<svg>the plot</svg>");
  }
}

TEST_F(RunReportTest, TheBestEvaluationOfAFineTuningCounts) {
  const std::string recipe = "task: semseg\ninit: models/rooms-ti\nhead: {kind: convnext}\ntraining: {steps: 30}\n";
  write_run("tuned", recipe,
            "{\"step\":10,\"eval\":{\"mIoU\":0.25,\"loss\":2}}\n{\"step\":20,\"eval\":{\"mIoU\":0.5,\"loss\":1}}\n"
            "{\"step\":30,\"eval\":{\"mIoU\":0.375,\"loss\":3}}\n");
  write_run("scratch", "task: semseg\nhead: {kind: convnext}\nencoder: {decoder_depth: 0}\n", "");
  write_run("other", "batch: 4\n", "{\"step\":10,\"eval\":{\"loss\":7.5}}\n");
  write_png(root / "other/images/samples-000010.png", Image(2, 2, 3));
  const Document document = run_report({root / "tuned", root / "scratch", root / "other"}, "Runs");
  ASSERT_EQ(document.sections.size(), 3);
  const DocumentTable& table = document.sections[1].tables[0];
  EXPECT_EQ(table.header, (std::vector<std::string>{"run", "start", "learns", "step", "loss", "mIoU"}));
  expect_row(table, {"tuned", "models/rooms-ti", "all", "20", "1", "0.5000"});
  expect_row(table, {"scratch", "from scratch", "all", "-", "-", "-"});
  EXPECT_EQ(document.sections[1].figures.at(0).name, "semseg: held-out set");
  expect_row(document.sections[2].tables[0], {"loss", "10", "7.5000"});
  EXPECT_EQ(document.sections[2].figures.back().name, "other: samples-000010");
}

TEST_F(RunReportTest, StartsAreComparedByTheBestSettingWithTheMostSeeds) {
  std::vector<fs::path> runs;
  const auto add = [&](const char* task, const char* measure, const std::string& init, double fraction, int seed,
                       double rate, double value) {
    const std::string name = concat(task, "_", fs::path(init).filename().string(), fraction, "_", seed, "_", rate);
    write_run(name,
              concat("task: ", task, "\ninit: ", init, "\ndata: rooms\nfraction: ", fraction, "\nseed: ", seed,
                     "\nout: ", name, "\nhead: {kind: auto}\ntraining: {threads: ", seed + 1, ", schedule: {lr: ", rate,
                     "}}\n"),
              concat("{\"step\":10,\"eval\":{\"", measure, "\":", value, "}}\n"));
    runs.push_back(root / name);
  };
  for (const int seed : {0, 1, 2}) add("semseg", "mIoU", "models/rooms-ti", 0.1, seed, 1e-3, 0.5 + 0.1 * seed);
  add("semseg", "mIoU", "", 0.1, 0, 3e-3, 0.9);  // better, but a single seed
  for (const int seed : {0, 1}) add("semseg", "mIoU", "", 0.1, seed, 1e-3, 0.25);
  for (const double rate : {1e-3, 3e-3, 5e-3}) add("depth", "delta1", "", 1, 0, rate, rate == 3e-3 ? 0.75 : 0.5);
  const Document document = run_report(runs, "Starts");
  ASSERT_EQ(document.sections.size(), 3);
  const DocumentSection& section = document.sections[0];
  EXPECT_EQ(section.tables[0].header,
            (std::vector<std::string>{"task", "data", "measure", "labels, %", "rooms-ti", "from scratch"}));
  // Student's t of two degrees of freedom: 4.303 * 0.1 / sqrt(3).
  EXPECT_EQ(section.tables[0].rows, (std::vector<std::vector<std::string>>{
                                        {"depth", "rooms", "delta1", "100", "-", "0.750"},
                                        {"semseg", "rooms", "mIoU", "10", "0.600 ± 0.248", "0.250 ± 0.000"}}));
  ASSERT_EQ(section.figures.size(), 1);
  for (const char* panel : {"depth, delta1", "semseg, mIoU"})
    EXPECT_NE(section.figures[0].bytes.find(panel), std::string::npos) << panel;
  EXPECT_TRUE(document.sections[1].figures.empty()) << "a single evaluation is no curve";
}

TEST_F(RunReportTest, StartsAreNamedByAsManyFoldersAsTellThemApart) {
  const std::string recipe = "task: semseg\nhead: {kind: convnext}\ninit: ";
  write_run("one", recipe + "runs/a/v1.5/\n", "");
  write_run("two", recipe + "runs/b/v1.5\nfrozen: true\n", "");
  const Document document = run_report({root / "one", root / "two"}, "Two");
  EXPECT_EQ(document.sections[0].tables[0].header,
            (std::vector<std::string>{"task", "data", "measure", "labels, %", "a/v1.5", "b/v1.5, frozen"}));
}

TEST_F(RunReportTest, EvaluationsOfOneDataSetStandTogether) {
  const auto evaluation = [](double score) {
    const Json measure{{"measure", "depth AbsRel"}, {"better", "lower"}, {"model", score},
                       {"interval", 0.01},          {"samples", 9},      {"ceiling", 0.05},
                       {"baseline", 0.3},           {"closed", nullptr}};
    return Json{{"data", "rooms/val"},
                {"inputs", Json::array({Json{{"given", "rgb"}, {"measures", Json::array({measure})}}})},
                {"not_measured", Json::array({Json{{"what", "det"}, {"reason", "no text tokenizer"}}})}};
  };
  write_json(root / "a.json", evaluation(0.125));
  write_json(root / "b.json", evaluation(0.25));
  write_json(root / "coco.json", {{"AP", 0.5}, {"AP50", 0.75}});
  write_png(root / "gallery.png", Image(3, 2, 3));
  const Document document =
      run_report({root / "a.json", root / "b.json", root / "coco.json", root / "gallery.png"}, "E");
  ASSERT_EQ(document.sections.size(), 3);
  const DocumentTable& table = document.sections[0].tables[0];
  EXPECT_EQ(table.caption, "From rgb, rooms/val");
  EXPECT_EQ(table.rows[0],
            (std::vector<std::string>{"depth AbsRel (lower)", "a", "0.1250", "0.0100", "0.0500", "0.3000", "-"}));
  EXPECT_EQ(table.rows[1][1], "b");
  expect_row(document.sections[0].tables[1], {"det", "no text tokenizer"});
  expect_row(document.sections[1].tables[0], {"AP50", "0.7500"});
  EXPECT_EQ(document.sections[2].figures[0].bytes, read_file(root / "gallery.png"));
}

TEST_F(RunReportTest, WhatIsNothingToReportIsNamed) {
  const auto message = [&](const fs::path& path) { return test::message_of([&] { run_report({path}, "R"); }); };
  EXPECT_NE(message(root / "nowhere").find("nowhere: no such file or folder"), std::string::npos);
  make_folder(root / "empty");
  EXPECT_NE(message(root / "empty").find("empty: is nothing to report"), std::string::npos);
  write_json(root / "list.json", {1, 2});
  EXPECT_NE(message(root / "list.json").find("is nothing to report"), std::string::npos);
  write_file(root / "notes.txt", "x");
  EXPECT_NE(message(root / "notes.txt").find("is nothing to report"), std::string::npos);
}

TEST_F(RunReportTest, DamagedFilesAreRefusedInOneLine) {
  write_benchmark("tuned", 2.5);
  const fs::path file = root / "tuned/benchmark.json";
  const std::string valid = read_file(file);
  test::expect_refusals(valid, 80, [&](const std::string& bytes) {
    write_file(file, bytes);
    document_html(run_report({file}, "R"));
  });
}

}  // namespace
}  // namespace fourm
