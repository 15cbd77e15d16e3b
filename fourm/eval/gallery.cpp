#include "fourm/eval/gallery.h"

#include <algorithm>
#include <sstream>

namespace fourm {
namespace {

constexpr int kGap = 6;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

constexpr const char* kStyle = R"css(
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; color: #222; background: #fafafa }
h1 { font-size: 1.5rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem }
.row { display: flex; flex-wrap: wrap; gap: 12px }
figure { margin: 0; width: 170px } img { width: 170px; height: 170px; image-rendering: auto; border-radius: 6px; display: block }
figcaption { font-size: .82rem; color: #444; padding-top: 4px }
.words { width: 170px; min-height: 150px; display: flex; align-items: center; padding: 10px; box-sizing: border-box; background: #fff; border: 1px solid #ddd; border-radius: 6px }
footer { margin-top: 2rem; font-size: .85rem; color: #555; white-space: pre-line }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #ddd } figcaption, footer { color: #aaa } .words { background: #20242a; border-color: #333 } }
)css";

}  // namespace

Image gallery_sheet(const Gallery& gallery, int cell) {
  size_t columns = 1, rows = 0;
  for (const auto& row : gallery.rows) {
    size_t pictures = 0;
    for (const auto& c : row.cells) pictures += c.picture.area() > 0;
    columns = std::max(columns, pictures);
    rows += pictures > 0;
  }
  Image sheet(static_cast<int>(columns) * (cell + kGap) + kGap, static_cast<int>(std::max<size_t>(rows, 1)) * (cell + kGap) + kGap,
              3, 250);
  int y = kGap;
  for (const auto& row : gallery.rows) {
    int x = kGap;
    for (const auto& c : row.cells) {
      if (c.picture.area() == 0) continue;
      const Image small = resize_bilinear(c.picture, cell, cell);
      for (int i = 0; i < cell; ++i) std::copy_n(small.at(0, i), static_cast<size_t>(cell) * 3, sheet.at(x, y + i));
      x += cell + kGap;
    }
    if (x > kGap) y += cell + kGap;
  }
  return sheet;
}

void write_gallery(const fs::path& folder, const Gallery& gallery, int cell) {
  write_png(folder / "gallery.png", gallery_sheet(gallery, cell));
  std::ostringstream page;
  page << "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
       << "<title>" << escaped(gallery.title) << "</title><style>" << kStyle << "</style>\n<h1>" << escaped(gallery.title)
       << "</h1>\n<p>" << escaped(gallery.introduction) << "</p>\n";
  for (const auto& row : gallery.rows) {
    page << "<h2>" << escaped(row.title) << "</h2>\n<div class=\"row\">\n";
    for (const auto& c : row.cells) {
      if (c.picture.area() == 0) {
        page << "<div class=\"words\">" << escaped(c.label) << "</div>\n";
        continue;
      }
      page << "<figure><img alt=\"" << escaped(c.label) << "\" src=\"data:image/png;base64," << base64(encode_png(c.picture))
           << "\"><figcaption>" << escaped(c.label) << "</figcaption></figure>\n";
    }
    page << "</div>\n";
  }
  page << "<footer>" << escaped(gallery.closing) << "</footer>\n</html>\n";
  write_file(folder / "index.html", page.str());
}

}  // namespace fourm
