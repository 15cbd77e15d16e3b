// Fixed sine-cosine positions (paper section 2.2) of base 10000 (the original's fourm/utils/pos_embed.py); shared by
// the transformer and the tokenizers.
#pragma once

#include "fourm/core/tensor.h"

namespace fourm {

/// [length, D]: row t = [sin(t w_0..), cos(t w_0..)], w_i = 10000^(-i / (D/2)). D even.
Tensor sincos_1d(int64_t length, int64_t width);

/// [h * w, D] for row-major tokens of an h x w grid: four blocks sin, cos of the token's row, sin, cos of its column,
/// w_i = 10000^(-i / (D/4)). D a multiple of 4.
Tensor sincos_2d(int64_t h, int64_t w, int64_t width);

}  // namespace fourm
