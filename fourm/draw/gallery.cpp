#include "fourm/draw/gallery.h"

#include <algorithm>

#include "fourm/core/strings.h"
#include "fourm/draw/html.h"
#include "fourm/draw/lettering.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

constexpr int kGap = 8, kTextSize = 15, kTitleSize = 26, kLabelSize = 13;
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

  void text(const std::string& words, Colour colour, int size = kTextSize) {
    const int line = line_height(size) + 2;
    for (const auto& paragraph : split(words, '\n'))
      for (const auto& part : wrap_text(paragraph, width_ - 2 * kGap, size)) {
        skip(line);
        draw_text(image_, kGap, image_.height - line, part, colour, size);
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
    skip(tallest + line_height(kLabelSize) + kGap);
    int x = kGap;
    for (size_t i = 0; i < cells.size(); ++i) {
      for (int y = 0; y < small[i].height; ++y)
        std::copy_n(small[i].at(0, y), static_cast<size_t>(kGalleryCell) * 3, image_.at(x, top + y));
      draw_text(image_, x, top + small[i].height + 2, shortened_text(cells[i].label, kGalleryCell, kLabelSize), kFaint,
                kLabelSize);
      x += kGalleryCell + kGap;
    }
  }

  Image take() { return std::move(image_); }

 private:
  int width_;
  Image image_;
};

}  // namespace

Image gallery_sheet(const Gallery& gallery) {
  size_t columns = 4;
  for (const auto& row : gallery.rows) columns = std::max(columns, row.cells.size());
  Sheet sheet(static_cast<int>(columns) * (kGalleryCell + kGap) + kGap);
  sheet.text(gallery.title, kInk, kTitleSize);
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
  std::string page = concat(html_head(gallery.title), html_element("p", gallery.introduction), "\n");
  for (const auto& row : gallery.rows) {
    std::string images;
    for (const auto& cell : row.cells) images += html_figure(cell.label, ".png", encode_png(cell.image));
    page += concat(html_element("h2", row.title), "\n", html_row(images), html_element("p", row.words), "\n");
  }
  return concat(page, html_element("footer", gallery.closing), kHtmlEnd);
}

void write_gallery(const fs::path& folder, const Gallery& gallery) {
  write_png(folder / "gallery.png", gallery_sheet(gallery));
  write_file(folder / "index.html", gallery_page(gallery));
}

}  // namespace fourm
