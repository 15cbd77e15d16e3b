#include "fourm/draw/document.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

Document example() {
  DocumentSection section{"A & B", "Words."};
  section.tables = {{"Losses", {"task", "one|two"}, {{"rgb <x>", "1.5"}}}};
  section.figures = {{"a plot", ".svg", "<svg id=\"p\"></svg>"}, {"an image", ".png", "png bytes"}};
  return {"Title", {section}};
}

TEST(Document, ThePageNeedsNoOtherFile) {
  const std::string page = document_html(example());
  for (const char* part :
       {"<h2>A &amp; B</h2>", "<p>Words.</p>", "<caption>Losses</caption>", "<th>one|two</th>",
        "<td>rgb &lt;x&gt;</td><td>1.5</td>", "<svg id=\"p\"></svg>", "src=\"data:image/png;base64,cG5nIGJ5dGVz\""})
    EXPECT_NE(page.find(part), std::string::npos) << part << "\n" << page;
  for (const char* outside : {"<script", "<link", "src=\"figures"}) EXPECT_EQ(page.find(outside), std::string::npos);
}

TEST(Document, MarkdownNamesItsFigures) {
  const test::TemporaryFolder folder;
  write_document(folder.path(), example());
  const std::string text = read_file(folder / "report.md");
  EXPECT_NE(text.find("| task | one\\|two |\n|---|---:|\n| rgb <x> | 1.5 |\n"), std::string::npos) << text;
  EXPECT_NE(text.find("![a plot](figures/01_a_plot.svg)"), std::string::npos) << text;
  EXPECT_EQ(read_file(folder / "figures/02_an_image.png"), "png bytes");
  EXPECT_EQ(read_file(folder / "index.html"), document_html(example()));
}

}  // namespace
}  // namespace fourm
