// Rows of numbers in steps of their own size, as products in int8 take them.
#pragma once

#include <cstdint>

namespace fourm {

/// The largest |x[i]|; NaN if there is one.
float largest_magnitude(const float* x, int64_t n);

/// out[i] = zero + round(x[i] / step), in the low 8 bits; step 0 gives zero everywhere. Results must fit.
void quantize(const float* x, int64_t n, float step, int32_t zero, uint8_t* out);

}  // namespace fourm
