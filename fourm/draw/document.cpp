#include "fourm/draw/document.h"

#include <cctype>
#include <cstdio>
#include <sstream>

#include "fourm/core/strings.h"
#include "fourm/io/image.h"

namespace fourm {
namespace {

constexpr const char* kStyle =
    "body{font:14px system-ui,sans-serif;color:#222;max-width:940px;margin:24px auto;padding:0 12px}"
    "h2{margin-top:32px;border-bottom:1px solid #ddd}table{border-collapse:collapse;margin:12px 0}"
    "caption{text-align:left;font-weight:600;padding:4px 0}th,td{padding:2px 10px 2px 0;text-align:right;"
    "font-variant-numeric:tabular-nums}th{border-bottom:1px solid #bbb}th:first-child,td:first-child{text-align:left}"
    "svg,img{max-width:100%;height:auto}figure{margin:12px 0}figcaption{color:#555}";

void write_table(std::ostream& out, const DocumentTable& table) {
  out << "<table>";
  if (!table.caption.empty()) out << "<caption>" << html_escaped(table.caption) << "</caption>";
  const auto row = [&](const std::vector<std::string>& cells, const char* tag) {
    out << "\n<tr>";
    for (const auto& cell : cells) out << "<" << tag << ">" << html_escaped(cell) << "</" << tag << ">";
    out << "</tr>";
  };
  row(table.header, "th");
  for (const auto& cells : table.rows) row(cells, "td");
  out << "\n</table>\n";
}

void write_figure(std::ostream& out, const DocumentFigure& figure) {
  const std::string name = html_escaped(figure.name);
  out << "<figure>";
  if (figure.extension == ".svg")
    out << figure.bytes;
  else
    out << "<img alt=\"" << name << "\" src=\"data:image/" << (figure.extension == ".png" ? "png" : "jpeg")
        << ";base64," << base64(figure.bytes) << "\">";
  out << "<figcaption>" << name << "</figcaption></figure>\n";
}

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
  std::ostringstream out;
  out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" << html_escaped(document.title)
      << "</title>\n<style>" << kStyle << "</style></head><body>\n<h1>" << html_escaped(document.title) << "</h1>\n";
  for (const auto& section : document.sections) {
    out << "<h2>" << html_escaped(section.title) << "</h2>\n";
    if (!section.text.empty()) out << "<p>" << html_escaped(section.text) << "</p>\n";
    for (const auto& table : section.tables) write_table(out, table);
    for (const auto& figure : section.figures) write_figure(out, figure);
  }
  out << "</body></html>\n";
  return out.str();
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
