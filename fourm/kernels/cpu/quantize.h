// Quantisation of rows to int8.
#pragma once

#include <cstdint>

namespace fourm {

/// The largest |x[i]|; NaN if there is one.
float largest_magnitude(const float* x, int64_t n);

/// out[i] = zero_point + round(x[i] / scale), in the low 8 bits; scale 0 gives zero_point everywhere. Results must fit.
void quantize(const float* x, int64_t n, float scale, int32_t zero_point, uint8_t* out);

}  // namespace fourm
