#include "fourm/draw/html.h"

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/io/image.h"

namespace fourm {
namespace {

constexpr const char* kPageStyle = R"css(
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; max-width: 1400px; margin: 24px auto; padding: 0 12px }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; border-bottom: 1px solid #ddd }
p, footer { max-width: 60rem; white-space: pre-line } footer { margin-top: 2rem }
table { border-collapse: collapse; margin: 12px 0 } caption { text-align: left; font-weight: 600; padding: 4px 0 }
th, td { padding: 2px 10px 2px 0; text-align: right; font-variant-numeric: tabular-nums } th { border-bottom: 1px solid #bbb }
th:first-child, td:first-child { text-align: left }
figure { margin: 12px 0 } svg, img { max-width: 100%; height: auto; display: block }
figcaption, footer { font-size: .85rem; color: #666; padding-top: 4px } progress { width: 100%; max-width: 900px }
.row { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 10px 24px }
.row figure { margin: 0; width: 160px } .row img { width: 160px; border-radius: 6px }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #ddd } figcaption, footer { color: #aaa } h2, th { border-color: #555 }
}
)css";

}  // namespace

std::string html_head(std::string_view title, int refresh) {
  std::string head = concat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\">\n",
      html_element("title", title), "\n");
  if (refresh > 0) head += concat("<meta http-equiv=\"refresh\" content=\"", refresh, "\">\n");
  return concat(head, "<style>", kPageStyle, "</style></head><body>\n", html_element("h1", title), "\n");
}

std::string html_element(std::string_view tag, std::string_view text) {
  return text.empty() ? "" : concat("<", tag, ">", html_escaped(text), "</", tag, ">");
}

std::string html_table(std::string_view caption, const TableRow& header, const std::vector<TableRow>& rows) {
  std::string table = concat("<table>", html_element("caption", caption));
  const auto add = [&](const TableRow& cells, const char* tag) {
    if (cells.empty()) return;
    table += "\n<tr>";
    for (const auto& cell : cells) table += concat("<", tag, ">", html_escaped(cell), "</", tag, ">");
    table += "</tr>";
  };
  add(header, "th");
  for (const auto& cells : rows) add(cells, "td");
  return table + "\n</table>\n";
}

std::string html_figure(std::string_view name, std::string_view extension, std::string_view bytes) {
  const std::string shown = extension == ".svg"
                                ? std::string(bytes)
                                : concat("<img alt=\"", html_escaped(name), "\" src=\"data:image/",
                                         extension == ".png" ? "png" : "jpeg", ";base64,", base64(bytes), "\">");
  return concat("<figure>", shown, html_element("figcaption", name), "</figure>\n");
}

std::string html_row(std::string_view parts) {
  return parts.empty() ? "" : concat("<div class=\"row\">\n", parts, "</div>\n");
}

}  // namespace fourm
