#include "fourm/draw/document.h"

#include <cctype>
#include <cstdio>
#include <sstream>

#include "fourm/draw/html.h"

namespace fourm {
namespace {

// A cell of Markdown: on one line and without its separator.
std::string cell_text(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : c == '\n' ? " " : std::string(1, c);
  return out;
}

void write_row(std::ostream& out, const std::vector<std::string>& cells) {
  for (const auto& cell : cells) out << "| " << cell_text(cell) << " ";
  out << "|\n";
}

// "01_depth_AbsRel.svg"
std::string file_name(size_t number, const DocumentFigure& figure) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%02zu_", number);
  std::string name = digits;
  for (const char c : figure.name.substr(0, 60))
    name += std::isalnum(static_cast<unsigned char>(c)) || c == '-' ? c : '_';
  return name + figure.extension;
}

}  // namespace

std::string document_html(const Document& document) {
  std::string page = html_head(document.title);
  for (const auto& section : document.sections) {
    page += html_element("h2", section.title) + "\n";
    if (!section.text.empty()) page += html_element("p", section.text) + "\n";
    for (const auto& table : section.tables) page += html_table(table.caption, table.header, table.rows);
    for (const auto& figure : section.figures) page += html_figure(figure.name, figure.extension, figure.bytes);
  }
  return page.append(kHtmlEnd);
}

std::string document_markdown(const Document& document, const std::vector<std::string>& figure_paths) {
  std::ostringstream out;
  out << "# " << document.title << "\n";
  size_t figure = 0;
  for (const auto& section : document.sections) {
    out << "\n## " << section.title << "\n";
    if (!section.text.empty()) out << "\n" << section.text << "\n";
    for (const auto& table : section.tables) {
      if (!table.caption.empty()) out << "\n**" << table.caption << "**\n";
      out << "\n";
      write_row(out, table.header);
      out << "|---";
      for (size_t i = 1; i < table.header.size(); ++i) out << "|---:";
      out << "|\n";
      for (const auto& row : table.rows) write_row(out, row);
    }
    for (const auto& shown : section.figures)
      out << "\n![" << cell_text(shown.name) << "](" << figure_paths.at(figure++) << ")\n";
  }
  return out.str();
}

void write_document(const fs::path& folder, const Document& document) {
  std::vector<std::string> paths;
  for (const auto& section : document.sections)
    for (const auto& figure : section.figures) {
      paths.push_back("figures/" + file_name(paths.size() + 1, figure));
      write_file(folder / paths.back(), figure.bytes);
    }
  write_file(folder / "report.md", document_markdown(document, paths));
  write_file(folder / "index.html", document_html(document));
}

}  // namespace fourm
