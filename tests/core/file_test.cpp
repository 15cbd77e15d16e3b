#include "fourm/core/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(File, AFailedWriteLeavesTheOldFile) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "a.txt";
  write_file(file, "old");
  EXPECT_EQ(test::message_of([&] {
              write_file(file, [](std::ostream& out) {
                out << "new";
                fail("stopped half way");
              });
            }),
            "stopped half way");
  EXPECT_EQ(read_file(file), "old");
  EXPECT_EQ(list_files(folder.path()).size(), 1u) << "something was left behind";
}

// A file-size limit fails writes as a full disk does.
TEST(File, AFullDiskIsOneLineAndLeavesNothing) {
  const test::TemporaryFolder folder;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = test::message_of([&] { write_file(folder / "big.bin", std::string(1 << 20, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("big.bin: cannot be written"), std::string::npos) << message;
  EXPECT_TRUE(list_files(folder.path()).empty());
}

TEST(File, CyclicLinksAreRefused) {
  const test::TemporaryFolder folder;
  fs::create_symlink(folder / "b", folder / "a");
  fs::create_symlink(folder / "a", folder / "b");
  EXPECT_NE(test::message_of([&] { read_file(folder / "a"); }), "no error");
}

TEST(File, WritingThroughALinkKeepsTheLink) {
  const test::TemporaryFolder temporary;
  const fs::path top = temporary.path();
  write_file(top / "a" / "file", "before");
  fs::create_symlink("a/file", top / "link");
  write_file(top / "link", "after");
  EXPECT_TRUE(fs::is_symlink(top / "link"));
  EXPECT_EQ(read_file(top / "a" / "file"), "after");
}

TEST(File, OutputsThatCannotBeWrittenAreNoticedBefore) {
  const test::TemporaryFolder temporary;
  const fs::path top = temporary.path();
  write_file(top / "file", "kept");
  check_writable_folder(top / "new" / "deep");
  check_writable_file(top / "new" / "result.json");
  check_writable_file(top / "file");
  EXPECT_FALSE(fs::exists(top / "new"));  // nothing is left behind
  EXPECT_EQ(list_files(top).size(), 1u);
  EXPECT_NE(test::message_of([&] { check_writable_folder(top / "file" / "deep"); }).find("file is a file"),
            std::string::npos);
  EXPECT_NE(test::message_of([&] { check_writable_folder("/proc/nowhere"); }).find("/proc/nowhere: cannot be written"),
            std::string::npos);
  for (const fs::path& place : {fs::path("/dev/full"), fs::temp_directory_path()}) {
    const std::string named = place.string() + ": is ";
    EXPECT_EQ(test::message_of([&] { check_writable_file(place); }).find(named), 0u);
    EXPECT_EQ(test::message_of([&] { write_file(place, "never"); }).find(named), 0u);
    EXPECT_FALSE(fs::is_regular_file(place));
  }
}

}  // namespace
}  // namespace fourm
