#include "fourm/draw/html.h"

#include <gtest/gtest.h>

#include "fourm/draw/document.h"
#include "fourm/draw/gallery.h"

namespace fourm {
namespace {

TEST(Html, EveryTextIsEscaped) {
  const std::string bad = "<b>\"&", good = "&lt;b&gt;&quot;&amp;";
  const std::string head = html_head(bad);
  EXPECT_NE(head.find("<title>" + good + "</title>"), std::string::npos);
  EXPECT_NE(head.find("<h1>" + good + "</h1>"), std::string::npos);
  EXPECT_EQ(html_element("p", bad), "<p>" + good + "</p>");
  EXPECT_EQ(html_element("p", ""), "");
  EXPECT_EQ(html_table(bad, {bad}, {{bad}}), "<table><caption>" + good + "</caption>\n<tr><th>" + good +
                                                 "</th></tr>\n<tr><td>" + good + "</td></tr>\n</table>\n");
  EXPECT_EQ(html_table("", {}, {{"a", "1"}}), "<table>\n<tr><td>a</td><td>1</td></tr>\n</table>\n");
  const std::string name = "<figcaption>" + good + "</figcaption></figure>\n";
  EXPECT_EQ(html_figure(bad, ".jpg", "jpg"),
            "<figure><img alt=\"" + good + "\" src=\"data:image/jpeg;base64,anBn\">" + name);
  EXPECT_EQ(html_figure(bad, ".svg", "<svg/>"), "<figure><svg/>" + name);
}

TEST(Html, OnlyAPageThatAsksForItIsLoadedAgain) {
  EXPECT_EQ(html_head("A").find("refresh"), std::string::npos);
  EXPECT_NE(html_head("A", 7).find("<meta http-equiv=\"refresh\" content=\"7\">"), std::string::npos);
}

// Everything about the looks is in the head, so that pages with the same head look alike.
TEST(Html, PagesShareOneHead) {
  Gallery gallery;
  gallery.title = "A & B";
  gallery.rows = {{"row", {{Image(4, 4, 3, 10), "input"}}, "words"}};
  for (const std::string& page : {document_html({"A & B", {{"section", "text"}}}), gallery_page(gallery)}) {
    EXPECT_TRUE(page.starts_with(html_head("A & B"))) << page;
    EXPECT_TRUE(page.ends_with(kHtmlEnd));
    EXPECT_EQ(page.find("style", html_head("A & B").size()), std::string::npos);
  }
}

}  // namespace
}  // namespace fourm
