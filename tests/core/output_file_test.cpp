#include "fourm/core/output_file.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(OutputFile, AppearsWhenItIsCommitted) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "new" / "deep" / "a.txt";
  OutputFile output(file);
  output.stream() << "whole";
  EXPECT_FALSE(fs::exists(file));
  output.commit();
  EXPECT_EQ(read_file(file), "whole");
  EXPECT_EQ(std::distance(fs::directory_iterator(file.parent_path()), {}), 1) << "the file beside it is left";
}

TEST(OutputFile, LeavesNothingWithoutACommit) {
  const test::TemporaryFolder folder;
  write_file(folder / "a.txt", "old");
  {
    OutputFile output(folder / "a.txt");
    output.stream() << "half";
  }
  EXPECT_EQ(read_file(folder / "a.txt"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(OutputFile, ABrokenStreamIsAnErrorAndKeepsTheOldFile) {
  const test::TemporaryFolder folder;
  write_file(folder / "a.txt", "old");
  OutputFile output(folder / "a.txt");
  output.stream() << "half";
  output.stream().setstate(std::ios::badbit);
  EXPECT_NE(test::message_of([&] { output.commit(); }).find("a.txt"), std::string::npos);
  EXPECT_EQ(read_file(folder / "a.txt"), "old");
}

TEST(OutputFile, WhatAKilledProcessLeftIsRemovedByName) {
  const test::TemporaryFolder folder;
  for (const char* name :
       {".a.txt.tmp12-0", ".a.txt.tmp13-7", ".a.tmp.txt.tmp1-0", ".ab.txt.tmp1-0", ".a.txt", "a.txt.tmp1-0"})
    write_file(folder / name, "half");
  remove_temporary_files(folder.path(), [](const std::string& name) { return name == "a.txt"; });
  std::set<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder.path())) left.insert(entry.path().filename());
  EXPECT_EQ(left, (std::set<std::string>{".a.tmp.txt.tmp1-0", ".ab.txt.tmp1-0", ".a.txt", "a.txt.tmp1-0"}));
  remove_temporary_files(folder / "none", [](const std::string&) { return true; });
}

TEST(OutputFile, AFileIsNoFolder) {
  const test::TemporaryFolder folder;
  write_file(folder / "a.txt", "a file");
  EXPECT_NE(test::message_of([&] { OutputFile(folder / "a.txt" / "b.txt"); }).find("a.txt"), std::string::npos);
}

}  // namespace
}  // namespace fourm
