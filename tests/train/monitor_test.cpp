#include "fourm/train/monitor.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/draw/html.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class MonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(run_ / "checkpoints" / "step-000020");
    write_file(run_ / "recipe.yaml", "batch: 8\ntraining: {steps: 40, accumulate: 2}\n");
    write_file(run_ / "metrics.jsonl",
               "{\"step\":10,\"train\":{\"loss\":4,\"rgb<1>\":3,\"lr\":0.5,\"seconds\":2,\"wait_seconds\":0.25}}\n"
               "{\"step\":20,\"train\":{\"loss\":2,\"rgb<1>\":1,\"lr\":0.25,\"seconds\":4,\"wait_seconds\":0.5}}\n"
               "{\"step\":20,\"eval\":{\"loss\":2.5}}\ncut he");
    write_file(run_ / "images" / "reconstructions-000010.png", "old");
    write_file(run_ / "images" / "reconstructions-000020.png", "new");
  }
  static size_t count(const std::string& text, const std::string& word) {
    size_t n = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
    return n;
  }

  const test::TemporaryFolder temporary_;
  const fs::path run_ = temporary_ / "a & b";
};

TEST_F(MonitorTest, ThePageSaysHowTheRunGoes) {
  const RunPage page = run_page(run_, 5);
  EXPECT_FALSE(page.finished);
  const std::string& html = page.html;
  // 16 samples in 4 seconds; 20 steps of 4 seconds are left.
  for (const char* expected :
       {"<h1>a &amp; b</h1>", "step 20 of 40 (50 %), 4 samples per second, 1 min left. Newest checkpoint: step-000020.",
        "http-equiv=\"refresh\" content=\"5\"", "<td>rgb&lt;1&gt;</td><td>1</td>", "<td>loss</td><td>2.5</td>",
        "reconstructions-000020", ">learning rate<", ">samples per second<", ">seconds waited for a micro-batch<"})
    EXPECT_NE(html.find(expected), std::string::npos) << expected << "\n" << html;
  EXPECT_TRUE(html.starts_with(html_head("a & b", 5)));
  EXPECT_EQ(html.find("reconstructions-000010"), std::string::npos);
  EXPECT_EQ(count(html, "<svg"), 2u);
  EXPECT_EQ(count(html, "class=\"name\""), 5u);  // loss, rgb; learning rate, speed, waiting
  for (const char* outside : {"<script", "<link", "src=\"images"}) EXPECT_EQ(html.find(outside), std::string::npos);
}

TEST_F(MonitorTest, AFinishedRunIsNotLoadedAgain) {
  write_file(run_ / "recipe.yaml", "batch: 8\ntraining: {steps: 20}\n");
  write_file(run_ / "model" / "config.json", "{}");
  const RunPage page = run_page(run_, 5);
  EXPECT_TRUE(page.finished);
  EXPECT_EQ(page.html.find("refresh"), std::string::npos);
  EXPECT_EQ(page.html.find(" min left"), std::string::npos);
}

TEST_F(MonitorTest, ARunWithoutRecordsHasAPage) {
  fs::remove(run_ / "metrics.jsonl");
  EXPECT_NE(run_page(run_).html.find("There are no records yet"), std::string::npos);
  EXPECT_THROW(run_page(temporary_ / "nothing"), Error);
}

}  // namespace
}  // namespace fourm
