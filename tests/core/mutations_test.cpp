// tests/mutations/README.md lists the patches in tests/mutations.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "fourm/core/file.h"

namespace fourm {
namespace {

std::string listed(const std::string& programs) {
  std::string text;
  for (const char c : programs) text += c == ' ' ? ", " : std::string(1, c);
  return text;
}

TEST(Mutations, AreListedInTheReadme) {
  const fs::path root = FOURM_SOURCE_DIR;
  std::set<std::string> patches, rows;
  for (const fs::path& patch : list_files(root / "tests/mutations", {".patch"})) {
    std::ifstream in(patch);
    std::string mistake, programs;
    std::getline(in, mistake);
    std::getline(in, programs);
    ASSERT_TRUE(programs.starts_with("Tests: ")) << patch;
    patches.insert("| " + mistake + " | " + listed(programs.substr(7)) + " |");
  }
  std::ifstream document(root / "tests/mutations/README.md");
  for (std::string line; std::getline(document, line);)
    if (line.starts_with("| ") && !line.starts_with("| mistake")) rows.insert(line);
  EXPECT_FALSE(patches.empty());
  EXPECT_EQ(rows, patches);
}

TEST(Mutations, ApplyToTheSources) {
  const fs::path root = FOURM_SOURCE_DIR;
  for (const fs::path& patch : list_files(root / "tests/mutations", {".patch"})) {
    std::string source, before;  // of a hunk: the lines that it needs
    size_t hunks = 0;
    const auto end_hunk = [&] {
      if (before.empty()) return;
      ++hunks;
      EXPECT_NE(source.find(before), std::string::npos) << patch.filename() << " does not apply:\n" << before;
      before.clear();
    };
    std::ifstream in(patch);
    bool in_hunk = false;
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("--- a/")) {
        end_hunk();
        source = read_file(root / line.substr(6));
        in_hunk = false;
      } else if (line.starts_with("@@ ")) {
        end_hunk();
        in_hunk = true;
      } else if (in_hunk && (line.starts_with(' ') || line.starts_with('-'))) {
        before += line.substr(1) + '\n';
      }
    end_hunk();
    EXPECT_GT(hunks, 0u) << patch;
  }
}

}  // namespace
}  // namespace fourm
