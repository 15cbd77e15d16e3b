#include "fourm/nn/position.h"

#include <cmath>

#include "fourm/core/error.h"

namespace fourm {

// [n, 2 * rates]: sines, then cosines, of position * rate.
static Tensor waves(const Tensor& positions, int64_t rates) {
  const Tensor exponent = at::arange(rates, at::kDouble) / static_cast<double>(rates);
  const Tensor angle = positions.to(at::kDouble).unsqueeze(1) * at::exp(exponent * -std::log(10000.0));
  return at::cat({angle.sin(), angle.cos()}, 1);
}

Tensor sincos_1d(int64_t length, int64_t width) {
  check(width % 2 == 0, "[sincos_1d] the width must be even, got ", width);
  return waves(at::arange(length, at::kLong), width / 2).to(at::kFloat);
}

Tensor sincos_2d(int64_t h, int64_t w, int64_t width) {
  check(width % 4 == 0, "[sincos_2d] the width must be a multiple of 4, got ", width);
  const Tensor token = at::arange(h * w, at::kLong);
  const Tensor row = at::floor_divide(token, w), column = at::remainder(token, w);
  return at::cat({waves(row, width / 4), waves(column, width / 4)}, 1).to(at::kFloat);
}

int64_t grid_side(int64_t n) {
  const auto side = std::llround(std::sqrt(static_cast<double>(n)));
  return side * side == n ? side : 0;
}

Tensor resized_positions(const Tensor& table, int64_t count) {
  const int64_t from = grid_side(table.size(1)), to = grid_side(count);
  if (from == 0 || to == 0) return {};
  const Tensor grid = table.to(at::kFloat).reshape({1, from, from, table.size(2)}).permute({0, 3, 1, 2});
  return at::upsample_bicubic2d(grid.contiguous(), {to, to}, /*align_corners=*/false)
      .permute({0, 2, 3, 1})
      .reshape({1, count, table.size(2)});
}

}  // namespace fourm
