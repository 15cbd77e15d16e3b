#include "fourm/draw/gallery.h"

#include <algorithm>
#include <sstream>

#include "fourm/core/strings.h"
#include "fourm/draw/lettering.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr int kGap = 8, kScale = 2, kLine = kScale * kLetterHeight + 5, kTitleScale = 3;
constexpr Colour kPaper{250, 250, 250}, kInk{30, 30, 30}, kFaint{110, 110, 110};

// Of an image on the sheet.
int cell_height(const Image& image) {
  return std::max(1, static_cast<int>(int64_t{image.height} * kGalleryCell / image.width));
}

// An image that grows downwards as text and images are added.
class Sheet {
 public:
  explicit Sheet(int width) : width_(width), image_(width, 0, 3) { skip(kGap); }

  void skip(int height) {
    image_.height += height;
    image_.pixels.resize(image_.area() * 3, kPaper[0]);
  }

  void text(const std::string& words, Colour colour, int scale = kScale) {
    const int line = kLine * scale / kScale;
    for (const auto& paragraph : split(words, '\n'))
      for (const auto& part : wrap_text(paragraph, width_ - 2 * kGap, scale)) {
        skip(line);
        draw_text(image_, kGap, image_.height - line, part, colour, scale);
      }
  }

  // Beside each other, with their tops in line.
  void images(const std::vector<GalleryCell>& cells) {
    std::vector<Image> small;
    int tallest = 0;
    for (const auto& cell : cells) {
      small.push_back(resize_bilinear(cell.image, kGalleryCell, cell_height(cell.image)));
      tallest = std::max(tallest, small.back().height);
    }
    const int top = image_.height;
    skip(tallest + kLine + kGap);
    int x = kGap;
    for (size_t i = 0; i < cells.size(); ++i) {
      for (int y = 0; y < small[i].height; ++y)
        std::copy_n(small[i].at(0, y), static_cast<size_t>(kGalleryCell) * 3, image_.at(x, top + y));
      const int scale = text_width(cells[i].label, kScale) <= kGalleryCell ? kScale : 1;
      draw_text(image_, x, top + small[i].height + kGap / 2, cells[i].label, kFaint, scale);
      x += kGalleryCell + kGap;
    }
  }

  Image take() { return std::move(image_); }

 private:
  int width_;
  Image image_;
};

constexpr const char* kGalleryStyle = R"css(
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1400px; padding: 0 1rem; color: #222; background: #fafafa }
h1 { font-size: 1.5rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem }
.row { display: flex; flex-wrap: wrap; gap: 10px }
figure { margin: 0; width: 160px } img { width: 160px; border-radius: 6px; display: block }
figcaption { font-size: .82rem; color: #555; padding-top: 4px }
.words { margin: .4rem 0 0; white-space: pre-line }
footer { margin-top: 2rem; font-size: .85rem; color: #555; white-space: pre-line }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #ddd } figcaption, footer { color: #aaa } }
)css";

}  // namespace

Image gallery_sheet(const Gallery& gallery) {
  size_t columns = 4;
  for (const auto& row : gallery.rows) columns = std::max(columns, row.cells.size());
  Sheet sheet(static_cast<int>(columns) * (kGalleryCell + kGap) + kGap);
  sheet.text(gallery.title, kInk, kTitleScale);
  sheet.text(gallery.introduction, kFaint);
  for (const auto& row : gallery.rows) {
    sheet.skip(2 * kGap);
    sheet.text(row.title, kInk);
    if (!row.cells.empty()) sheet.images(row.cells);
    if (!row.words.empty()) sheet.text(row.words, kFaint);
  }
  sheet.skip(2 * kGap);
  sheet.text(gallery.closing, kFaint);
  sheet.skip(kGap);
  return sheet.take();
}

std::string gallery_page(const Gallery& gallery) {
  std::ostringstream page;
  page << "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width\">"
       << "<title>" << html_escaped(gallery.title) << "</title><style>" << kGalleryStyle << "</style>\n<h1>"
       << html_escaped(gallery.title) << "</h1>\n<p>" << html_escaped(gallery.introduction) << "</p>\n";
  for (const auto& row : gallery.rows) {
    page << "<h2>" << html_escaped(row.title) << "</h2>\n<div class=\"row\">\n";
    for (const auto& cell : row.cells)
      page << "<figure><img alt=\"" << html_escaped(cell.label) << "\" src=\"data:image/png;base64,"
           << base64(encode_png(cell.image)) << "\"><figcaption>" << html_escaped(cell.label)
           << "</figcaption></figure>\n";
    page << "</div>\n";
    if (!row.words.empty()) page << "<p class=\"words\">" << html_escaped(row.words) << "</p>\n";
  }
  page << "<footer>" << html_escaped(gallery.closing) << "</footer>\n</html>\n";
  return page.str();
}

void write_gallery(const fs::path& folder, const Gallery& gallery) {
  write_png(folder / "gallery.png", gallery_sheet(gallery));
  write_file(folder / "index.html", gallery_page(gallery));
}

}  // namespace fourm
