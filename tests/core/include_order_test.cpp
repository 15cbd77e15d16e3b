// A folder includes only the folders before it, the library includes no folder that stands apart from it, and the command
// line has no tensor headers of its own.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>

#include "fourm/core/file.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

const std::vector<std::string> kOrder{"core",     "io",          "text",   "modality", "draw", "rooms",     "coco",
                                      "data",     "kernels",     "nn",     "dist",     "nccl", "tokenizer", "clip",
                                      "model",    "generate",    "search", "probe",    "eval", "demo",      "train",
                                      "transfer", "experiments", "bench",  "parity"};

// Folders that are not part of the library, and the folders that include each.
const std::map<std::string, std::vector<std::string>> kApart{
    {"rooms", {"demo"}}, {"demo", {}}, {"parity", {}}, {"nccl", {}}};

size_t rank(const std::string& folder) {
  return static_cast<size_t>(std::find(kOrder.begin(), kOrder.end(), folder) - kOrder.begin());
}

std::vector<std::string> included_folders(const fs::path& file) {
  static const std::regex include(R"re(^#include "fourm/(\w+)/)re");
  std::vector<std::string> folders;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (std::smatch match; std::regex_search(line, match, include)) folders.push_back(match[1]);
  return folders;
}

TEST(IncludeOrder, FoldersIncludeOnlyThoseBefore) {
  const fs::path root = fs::path(FOURM_SOURCE_DIR) / "fourm";
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    const std::string folder = fs::relative(entry.path(), root).begin()->string();
    ASSERT_LT(rank(folder), kOrder.size()) << "unknown folder " << folder;
    for (const auto& other : included_folders(entry.path())) {
      ASSERT_LT(rank(other), kOrder.size()) << entry.path() << " includes the unknown folder " << other;
      EXPECT_LE(rank(other), rank(folder)) << entry.path() << " includes " << other << ", which comes later";
      if (const auto apart = kApart.find(other); apart != kApart.end() && other != folder) {
        EXPECT_TRUE(contains(apart->second, folder)) << entry.path() << " includes " << other;
      }
    }
    ++files;
  }
  EXPECT_GT(files, 50u);
}

TEST(IncludeOrder, PlainFoldersHaveNoTensorHeaders) {
  for (const char* folder : {"core", "io", "text", "modality", "draw", "rooms", "coco", "data"})
    for (const auto& file : list_files(fs::path(FOURM_SOURCE_DIR) / "fourm" / folder, {".h", ".cpp"})) {
      if (file.filename() == "tensor.h") continue;
      const std::string text = read_file(file);
      EXPECT_EQ(text.find("fourm/core/tensor.h"), std::string::npos) << file;
      EXPECT_EQ(text.find("#include <ATen"), std::string::npos) << file;
    }
}

// Signals, threads, the environment and the terminal belong to programs.
TEST(Library, HasNoProcessWideEffects) {
  static const std::regex effect(
      R"re(\b(getenv|setenv|putenv|sigaction|raise|set_num_threads|omp_set_\w+|SetAllocator|mallopt|execve?)\s*\()re"
      R"re(|std::(cout|cerr|clog|signal|exit)\b|\b(stdout|stderr)\b|\b(printf|puts|putchar)\s*\()re");
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(FOURM_SOURCE_DIR) / "fourm")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path());
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      const std::string code = line.substr(0, line.find("//"));
      EXPECT_FALSE(std::regex_search(code, effect)) << entry.path() << ":" << number << ": " << line;
    }
  }
}

}  // namespace
}  // namespace fourm
