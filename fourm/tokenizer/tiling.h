// Images in overlapping tiles, for networks whose memory grows with the image.
#pragma once

#include <functional>
#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

struct Tile {
  int64_t top, left, height, width;
  /// The part of x [B, C, H, W] under the tile, where a cell of x is `scale` pixels per side.
  Tensor of(const Tensor& x, int64_t scale = 1) const {
    return x.slice(2, top / scale, (top + height) / scale).slice(3, left / scale, (left + width) / scale);
  }
};

class Tiling {
 public:
  /// Tiles of `side` pixels that cover height x width, neighbours sharing at least a quarter of their side. Positions and
  /// sides are multiples of `grid`, as height and width have to be. One tile when side is 0 or the image fits in it.
  Tiling(int64_t height, int64_t width, int64_t side, int64_t grid);
  const std::vector<Tile>& tiles() const { return tiles_; }

  /// Joins f(tile) [B, C, tile height, tile width] to a whole image. Where tiles overlap, the first and last sixteenth
  /// of a tile's side, where it has little context, has weight 0 and weights rise from there, which avoids seams. The
  /// weights sum to 1.
  Tensor blend(const std::function<Tensor(const Tile&)>& f) const;

 private:
  int64_t height_, width_;
  std::vector<Tile> tiles_;
};

}  // namespace fourm
