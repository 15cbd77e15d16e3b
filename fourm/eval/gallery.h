// Rows of pictures as one PNG and one self-contained HTML page.
#pragma once

#include <string>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

struct GalleryCell {
  Image picture;      ///< may be empty: the cell then shows its text alone
  std::string label;  ///< under the picture, on the page
};

struct GalleryRow {
  std::string title;
  std::vector<GalleryCell> cells;
};

struct Gallery {
  std::string title, introduction;
  std::vector<GalleryRow> rows;
  std::string closing;  ///< credits and the like
};

/// The pictures alone, a line a row, every cell `cell` pixels a side.
Image gallery_sheet(const Gallery& gallery, int cell);

/// FOLDER/gallery.png and FOLDER/index.html.
void write_gallery(const fs::path& folder, const Gallery& gallery, int cell = 160);

}  // namespace fourm
