// The commands of the documents run as a reader types them, with fewer samples and steps where they take long. A block of
// commands that needs files which only a reader has stands behind <!-- needs official files -->, one that needs a GPU behind
// <!-- needs a GPU -->. Blocks that install packages or download data (scripts/, quickstart.sh) and benchmarks are left out.
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <regex>
#include <sstream>

#include "fourm/core/error.h"
#include "fourm/core/file.h"
#include "fourm/core/strings.h"
#include "fourm/kernels/device.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

const fs::path kSource = FOURM_SOURCE_DIR;

std::vector<std::string> pages() {
  std::vector<std::string> pages{"README.md"};
  for (const auto& file : list_files(kSource / "docs", {".md"})) pages.push_back("docs/" + file.filename().string());
  return pages;
}

// The blocks of a page marked ```bash or ```sh that run on this machine.
std::vector<std::string> blocks(const std::string& page) {
  std::istringstream text(read_file(kSource / page));
  std::vector<std::string> found;
  std::string line, block;
  bool inside = false, lacks = false;
  while (std::getline(text, line)) {
    if (!inside && line.starts_with("<!-- needs official files")) lacks = true;
    if (!inside && line.starts_with("<!-- needs a GPU")) lacks = gpu_names().empty();
    if (!inside && (line == "```bash" || line == "```sh")) {
      inside = true;
      block.clear();
    } else if (inside && line == "```") {
      const bool installs =
          block.find("scripts/") != std::string::npos || block.find("quickstart.sh") != std::string::npos;
      const bool measures = block.find("fourm bench") != std::string::npos;
      if (!lacks && !installs && !measures) found.push_back(block);
      inside = lacks = false;
    } else if (inside) {
      block += line + "\n";
    }
  }
  EXPECT_FALSE(inside) << page << ": a block is not closed";
  return found;
}

// Fewer samples, steps and images.
std::string reduced(std::string commands) {
  const std::vector<std::pair<const char*, const char*>> shorter{
      {"--count ([5-9]|[0-9]{2,})\\b", "--count 4"},
      {"\\btraining\\.steps=[0-9]+",
       "training.steps=2 training.schedule.warmup_steps=0 training.schedule.hold_steps=0"},
      {"\\btraining\\.evaluate_every=[0-9]+", "training.evaluate_every=2"},
      {"\\btraining\\.schedule\\.(warmup|hold)_steps=[0-9]+", "training.schedule.$1_steps=0"},
      {"\\{steps: [0-9]+", "{steps: 2"},
      {"\\beval_images=[0-9]+", "eval_images=2"},
      {"\\bbatch=[0-9]+", "batch=2"},
      {"--limit [0-9]+", "--limit 2"}};
  for (const auto& [pattern, text] : shorter) commands = std::regex_replace(commands, std::regex(pattern), text);
  return commands;
}

class Documents : public testing::TestWithParam<std::string> {};

TEST_P(Documents, CommandsRun) {
  const std::vector<std::string> commands = blocks(GetParam());
  if (commands.empty()) GTEST_SKIP() << "no commands";
  const test::TemporaryFolder folder;
  make_folder(folder / "build/release");
  fs::create_symlink(FOURM_PROGRAM, folder / "build/release/fourm");
  for (const char* given : {"models", "configs", "examples", "docs", "tests"})
    fs::create_symlink(kSource / given, folder / given);
  for (const auto& block : commands) {
    write_file(folder / "block.sh", "set -euo pipefail\n" + reduced(block));
    const std::string run = concat("cd '", folder.path().string(), "' && bash block.sh >output.txt 2>&1");
    ASSERT_EQ(std::system(run.c_str()), 0) << GetParam() << ":\n" << block << read_file(folder / "output.txt");
  }
}

INSTANTIATE_TEST_SUITE_P(Pages, Documents, testing::ValuesIn(pages()), [](const auto& page) {
  std::string name = page.param;
  std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
  return name;
});

}  // namespace
}  // namespace fourm
