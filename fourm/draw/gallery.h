// Rows of labelled images as one PNG and one self-contained HTML page.
#pragma once

#include <string>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

inline constexpr int kGalleryCell = 192;  ///< width of an image on the sheet, in pixels

struct GalleryCell {
  Image image;        ///< 3 channels, of any shape
  std::string label;  ///< under the image; the sheet shows as much of it as fits
};

struct GalleryRow {
  std::string title;
  std::vector<GalleryCell> cells;
  std::string words{};  ///< text under the row; may be empty
};

struct Gallery {
  std::string title, introduction;
  std::vector<GalleryRow> rows;
  std::string closing;  ///< credits and the like
};

/// The gallery as one image.
Image gallery_sheet(const Gallery& gallery);
/// The gallery as one HTML page, images included.
std::string gallery_page(const Gallery& gallery);

/// Writes FOLDER/gallery.png and FOLDER/index.html.
void write_gallery(const fs::path& folder, const Gallery& gallery);

}  // namespace fourm
