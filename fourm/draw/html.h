// What all HTML pages have in common: head, style sheet, tables and figures. A page needs no other file and no script.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fourm {

/// From the doctype to the heading, which is the title. `refresh` > 0: a browser loads the page again after so many seconds.
std::string html_head(std::string_view title, int refresh = 0);
/// What ends a page.
inline constexpr std::string_view kHtmlEnd = "</body></html>\n";

/// <TAG>text</TAG>, the text escaped; nothing where it is empty.
std::string html_element(std::string_view tag, std::string_view text);

using TableRow = std::vector<std::string>;
/// The first column is text, the others are numbers. Caption and header may be empty.
std::string html_table(std::string_view caption, const TableRow& header, const std::vector<TableRow>& rows);

/// An image or a plot with its name below. `extension` (".svg", ".png", ".jpg") says what the bytes are.
std::string html_figure(std::string_view name, std::string_view extension, std::string_view bytes);

/// Tables, or figures of small images, beside each other.
std::string html_row(std::string_view parts);

}  // namespace fourm
