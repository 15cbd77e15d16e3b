#include "fourm/tokenizer/tiling.h"

#include <algorithm>

#include "fourm/core/error.h"

namespace fourm {
namespace {

// Where tiles of `side` begin along `length`, evenly spread.
std::vector<int64_t> starts(int64_t length, int64_t side, int64_t grid) {
  if (side >= length) return {0};
  const int64_t cells = (length - side) / grid, stride = std::max<int64_t>(1, 3 * side / 4 / grid);
  const int64_t count = (cells + stride - 1) / stride;
  std::vector<int64_t> out;
  for (int64_t i = 0; i <= count; ++i) out.push_back(i * cells / count * grid);
  return out;
}

// Weight of a tile along one side: 0 in its context, then a ramp; no ramp at the image's own edges.
Tensor window(int64_t begin, int64_t side, int64_t length) {
  const int64_t context = side / 16, ramp = std::max<int64_t>(1, side / 8);
  const Tensor at = at::arange(side, at::kFloat) + 0.5;
  Tensor weight = at::ones({side}, at::kFloat);
  if (begin > 0) weight = weight * ((at - context) / ramp).clamp(0, 1);
  if (begin + side < length) weight = weight * ((side - context - at) / ramp).clamp(0, 1);
  return weight;
}

}  // namespace

Tiling::Tiling(int64_t height, int64_t width, int64_t side, int64_t grid) : height_(height), width_(width) {
  check(height % grid == 0 && width % grid == 0, "[Tiling] ", height, " x ", width, " is not a multiple of ", grid);
  const int64_t cut = side == 0 ? std::max(height, width) : std::max(grid * 4, side / grid * grid);
  for (const int64_t top : starts(height, cut, grid))
    for (const int64_t left : starts(width, cut, grid))
      tiles_.push_back({top, left, std::min(cut, height), std::min(cut, width)});
}

Tensor Tiling::blend(const std::function<Tensor(const Tile&)>& f) const {
  if (tiles_.size() == 1) return f(tiles_[0]);
  Tensor sum, weights = at::zeros({1, 1, height_, width_});
  for (const Tile& tile : tiles_) {
    const Tensor part = f(tile);
    if (!sum.defined()) sum = at::zeros({part.size(0), part.size(1), height_, width_}, part.options());
    const Tensor weight = window(tile.top, tile.height, height_).unsqueeze(1) * window(tile.left, tile.width, width_);
    tile.of(sum).add_(part * weight.to(part.device()));
    tile.of(weights).add_(weight);
  }
  return sum.div_(weights.to(sum.device()));
}

}  // namespace fourm
