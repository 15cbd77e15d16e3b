// Reports on standard error.
#include "cli/terminal_log.h"

#include <gtest/gtest.h>

#include "fourm/core/strings.h"

namespace fourm {
namespace {

// What a sink prints for a note, a warning and an operation of three steps; standard error is no terminal here.
std::string printed_by(std::shared_ptr<LogSink> sink) {
  testing::internal::CaptureStderr();
  const auto before = set_log_sink(std::move(sink));
  note("a ", 1);
  warn("b");
  {
    Progress progress("work", 3);
    for (int64_t i = 1; i <= 3; ++i) progress.update(i);
  }
  set_log_sink(before);
  return testing::internal::GetCapturedStderr();
}

TEST(TerminalLog, PrintsNotesWarningsAndTheFirstAndLastProgress) {
  const auto lines = split(printed_by(std::make_shared<TerminalLog>()), '\n');
  ASSERT_GE(lines.size(), 4u);
  EXPECT_EQ(lines[0], "a 1");
  EXPECT_EQ(lines[1], "warning: b");
  EXPECT_TRUE(lines[2].starts_with("work  1/3  33 %")) << lines[2];
  EXPECT_TRUE(lines[3].starts_with("work  3/3  100 %")) << lines[3];
}

TEST(TerminalLog, AQuietOnePrintsWarningsAlone) {
  EXPECT_EQ(printed_by(std::make_shared<QuietTerminalLog>()), "warning: b\n");
}

TEST(TerminalLog, TheLibraryAloneIsSilent) { EXPECT_EQ(printed_by(nullptr), ""); }

}  // namespace
}  // namespace fourm
