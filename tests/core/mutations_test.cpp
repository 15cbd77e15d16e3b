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

}  // namespace
}  // namespace fourm
