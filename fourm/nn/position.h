// Fixed sine-cosine positions (paper section 2.2) of base 10000 (the original's fourm/utils/pos_embed.py), shared by
// the transformer and the tokenizers; learned positions for another grid.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// [length, D]: row t = [sin(t w_0..), cos(t w_0..)], w_i = 10000^(-i / (D/2)). D even.
Tensor sincos_1d(int64_t length, int64_t width);

/// [h * w, D] for row-major tokens of an h x w grid: four blocks sin, cos of the token's row, sin, cos of its column,
/// w_i = 10000^(-i / (D/4)). D a multiple of 4.
Tensor sincos_2d(int64_t h, int64_t w, int64_t width);

/// The side of a square grid of n tokens; 0: not square.
int64_t grid_side(int64_t n);

/// Learned positions [1, n, D] of a square grid -> [1, count, D] of another one, by bicubic interpolation. Undefined where n or
/// count is not square.
Tensor resized_positions(const Tensor& table, int64_t count);

}  // namespace fourm
