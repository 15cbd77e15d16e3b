#include "fourm/core/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "fourm/core/parallel.h"
#include "tests/support/captured_log.h"

namespace fourm {
namespace {

TEST(Log, ReportsGoToTheSinkThatIsInstalledOrNowhere) {
  const auto before = set_log_sink(nullptr);
  note("discarded");
  {
    const test::CapturedLog outer;
    {
      const test::CapturedLog inner;
      note("a ", 1);
      warn("b ", 2.5);
      EXPECT_EQ(inner.text(), "a 1\nwarning: b 2.5\n");
      EXPECT_EQ(inner.warnings(), "warning: b 2.5\n");
    }
    EXPECT_EQ(outer.text(), "");
    note("again");
    EXPECT_EQ(outer.text(), "again\n");
  }
  EXPECT_EQ(log_sink(), nullptr);
  set_log_sink(before);
}

TEST(Log, EachReportOfSeveralThreadsArrives) {
  constexpr int kReports = 2000;
  const test::CapturedLog captured;
  parallel_for(
      kReports, [](int64_t i) { i % 2 ? note("report") : warn("report"); }, 4);
  const std::string text = captured.text(), warnings = captured.warnings();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kReports);
  EXPECT_EQ(std::count(warnings.begin(), warnings.end(), '\n'), kReports / 2);
}

struct Counting : LogSink {
  explicit Counting(std::atomic<int64_t>& total) : reports(total) {}
  void note(const std::string&) override { ++reports; }
  void warning(const std::string&) override { ++reports; }
  std::atomic<int64_t>& reports;
};

// A sink lives until the reports that it receives have returned.
TEST(Log, TheSinkMayBeExchangedWhileThreadsReport) {
  std::atomic<int64_t> received = 0;
  const auto before = set_log_sink(std::make_shared<Counting>(received));
  parallel_for(
      4000,
      [&](int64_t i) {
        if (i % 10 == 0)
          set_log_sink(std::make_shared<Counting>(received));
        else
          note("report");
      },
      4);
  set_log_sink(before);
  EXPECT_EQ(received, 3600);
}

struct States : LogSink {
  void note(const std::string&) override {}
  void warning(const std::string&) override {}
  void progress(const ProgressState& state) override { seen.push_back(state); }
  void progress_end() override { ++ends; }
  std::vector<ProgressState> seen;
  int ends = 0;
};

TEST(Progress, StatesSayWhatIsDoneAndWhatWasDoneBefore) {
  const auto sink = std::make_shared<States>();
  const auto before = set_log_sink(sink);
  { const Progress never("nothing", 3); }
  EXPECT_EQ(sink->ends, 0) << "an operation without a report has no end to report";
  {
    Progress progress("images", 10, 4);
    progress.skip(2);
    progress.update(7, "a.png");
  }
  set_log_sink(before);
  ASSERT_EQ(sink->seen.size(), 1u);
  const ProgressState& state = sink->seen[0];
  EXPECT_EQ(state.label, "images");
  EXPECT_EQ(state.done, 7);
  EXPECT_EQ(state.total, 10);
  EXPECT_EQ(state.skipped, 6);
  EXPECT_EQ(state.detail, "a.png");
  EXPECT_GE(state.seconds, 0);
  EXPECT_EQ(sink->ends, 1);
}

}  // namespace
}  // namespace fourm
