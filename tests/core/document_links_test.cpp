// Links of the documents lead to files and headings that exist.
#include <gtest/gtest.h>

#include <cctype>
#include <regex>
#include <set>
#include <sstream>

#include "fourm/core/file.h"

namespace fourm {
namespace {

const fs::path kRoot = FOURM_SOURCE_DIR;

// The lines of a page outside its blocks of code.
std::vector<std::string> lines(const fs::path& page) {
  std::istringstream text(read_file(page));
  std::vector<std::string> found;
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```"))
      inside = !inside;
    else if (!inside)
      found.push_back(line);
  }
  return found;
}

// "## Tokens of a set" -> "tokens-of-a-set", as web pages of repositories name headings.
std::set<std::string> headings(const fs::path& page) {
  std::set<std::string> found;
  for (const auto& line : lines(page)) {
    if (!line.starts_with("#")) continue;
    std::string name;
    for (const char c : line.substr(line.find_first_not_of("# ")))
      if (c == ' ')
        name += '-';
      else if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_')
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    found.insert(name);
  }
  return found;
}

TEST(DocumentLinks, LeadToFilesAndHeadings) {
  static const std::regex link(R"(\]\(([^)#]*)(#([^)]*))?\))");
  std::vector<fs::path> pages{kRoot / "README.md", kRoot / "CONTRIBUTING.md", kRoot / "tests/mutations/README.md"};
  for (const auto& page : list_files(kRoot / "docs", {".md"})) pages.push_back(page);
  int count = 0;
  for (const auto& page : pages)
    for (const auto& line : lines(page))
      for (std::sregex_iterator match(line.begin(), line.end(), link), end; match != end; ++match) {
        const std::string path = (*match)[1], heading = (*match)[3];
        if (path.starts_with("http")) continue;
        const fs::path target = path.empty() ? page : page.parent_path() / path;
        ++count;
        EXPECT_TRUE(fs::exists(target)) << page << ": " << match->str();
        if (!heading.empty() && target.extension() == ".md" && fs::exists(target)) {
          EXPECT_TRUE(headings(target).contains(heading)) << page << ": " << match->str();
        }
      }
  EXPECT_GT(count, 100);
}

}  // namespace
}  // namespace fourm
