// Tables, plots and images as one HTML page and as Markdown.
#pragma once

#include <string>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

struct DocumentTable {
  std::string caption{};
  std::vector<std::string> header;  ///< one cell for each column; the first column is text, the others numbers
  std::vector<std::vector<std::string>> rows;  ///< as many cells as the header has
};

struct DocumentFigure {
  std::string name;       ///< under the figure, and of its file
  std::string extension;  ///< ".svg", ".png" or ".jpg"
  std::string bytes;      ///< of the file
};

struct DocumentSection {
  std::string title;
  std::string text{};  ///< below the title; may be empty
  std::vector<DocumentTable> tables{};
  std::vector<DocumentFigure> figures{};
};

struct Document {
  std::string title;
  std::vector<DocumentSection> sections;
};

/// A page that needs no other file and no script.
std::string document_html(const Document& document);
/// `figure_paths`: where the figures lie, in order.
std::string document_markdown(const Document& document, const std::vector<std::string>& figure_paths);

/// Writes FOLDER/index.html, FOLDER/report.md and its figures in FOLDER/figures.
void write_document(const fs::path& folder, const Document& document);

}  // namespace fourm
