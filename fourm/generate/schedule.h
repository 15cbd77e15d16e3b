// How many tokens each decoding step writes, and at what temperature and guidance (paper appendix A.3;
// MaskGIT, Chang et al. 2022).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fourm {

/// Tokens a step; all positive, together exactly n. k > n gives fewer than k steps.
std::vector<int64_t> cosine_tokens(int64_t n, int64_t steps);
std::vector<int64_t> linear_tokens(int64_t n, int64_t steps);

/// What a step of `tokens` writes when `missing` tokens of its target are not there yet and `later` ones are left to the
/// steps after it: a target that is partly known skips what its known tokens stand for.
int64_t remaining_tokens(int64_t tokens, int64_t later, int64_t missing);

/// "constant", "linear" or "onex:MIN:POWER" (falls like 1 / x^POWER to MIN), one value for each entry of `tokens`.
std::vector<double> temperatures(const std::string& kind, double temperature, const std::vector<int64_t>& tokens);

/// "constant", or "cosine": rises from near 1 to `scale` along half a cosine.
std::vector<double> guidance_scales(const std::string& kind, double scale, size_t steps);

}  // namespace fourm
