// Schedules of the decoding steps: tokens, temperature and guidance (paper appendix A.3;
// MaskGIT, Chang et al. 2022).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fourm {

/// Tokens per step; all positive, with the sum n. For steps > n there are fewer steps. n and steps are at least 1.
std::vector<int64_t> cosine_tokens(int64_t n, int64_t steps);
std::vector<int64_t> linear_tokens(int64_t n, int64_t steps);

/// The number of tokens that a step of `tokens` generates when `missing` tokens of its target are still to be generated
/// and the steps after it generate `later` of them: known tokens of a target take the place of its first steps.
int64_t remaining_tokens(int64_t tokens, int64_t later, int64_t missing);

/// "constant", "linear" or "onex:MIN:POWER" (falls like 1 / x^POWER to MIN), one value for each entry of `tokens`.
/// Error on any other kind.
std::vector<double> temperatures(const std::string& kind, double temperature, const std::vector<int64_t>& tokens);

/// "constant", or "cosine": rises from near 1 to `scale` along half a cosine. Error on any other kind.
std::vector<double> guidance_scales(const std::string& kind, double scale, size_t steps);

}  // namespace fourm
