// The part of an input that is given to the encoder, or that in-painting keeps.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "fourm/io/image.h"

namespace fourm {

class KeepRegion {
 public:
  /// "all"; "left", "right", "top", "bottom" (half of the columns or rows, rounded down); "X0,Y0,X1,Y1", a rectangle in
  /// fractions of the square; "every:N", each N-th token; or a mask: an image of which white is kept, except where it is
  /// transparent (alpha below 128). Error on anything else, and on a file that cannot be read.
  static KeepRegion parse(const std::string& text);

  /// Whether each of n tokens is kept. On a grid of `grid` tokens per side, row by row, a token is kept where its whole
  /// patch is. Error when the tokens lie on no grid (`grid` is 0) and the region is a rectangle or a mask.
  std::vector<bool> tokens(int64_t n, int64_t grid) const;

  /// Error when the region is a mask of another size than the image that it belongs to, whose `width` is 0 where there are
  /// only tokens: a mask is then square. `origin` names the image.
  void check_size(int width, int height, const std::string& origin) const;

  /// `generated` with the kept pixels of `square`; both are [H, W, 3] of the same size, which is that of the result. Error for "every:N".
  Image paste(const Image& square, const Image& generated) const;

 private:
  struct Rectangle {
    double left, top, right, bottom;
  };
  struct Every {
    int64_t n;
  };
  struct Mask {
    std::string file;
    Image image;
  };
  explicit KeepRegion(std::variant<Rectangle, Every, Mask> region) : region_(std::move(region)) {}
  bool keeps(const Rectangle& part) const;
  std::variant<Rectangle, Every, Mask> region_;
};

}  // namespace fourm
