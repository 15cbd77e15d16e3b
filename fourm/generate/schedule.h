// How many tokens each decoding step writes, and at what temperature and guidance (paper appendix on generation;
// MaskGIT, Chang et al. 2022).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fourm {

/// Tokens a step; all positive, together exactly n. k > n gives fewer than k steps.
std::vector<int64_t> cosine_tokens(int64_t n, int64_t steps);
std::vector<int64_t> linear_tokens(int64_t n, int64_t steps);

/// The rest of a schedule after `done` tokens are already there.
std::vector<int64_t> continue_tokens(const std::vector<int64_t>& tokens, int64_t done);

/// "constant", "linear" or "onex:MIN:POWER" (falls like 1 / x^POWER to MIN), one value for each entry of `tokens`.
std::vector<double> temperatures(const std::string& kind, double temperature, const std::vector<int64_t>& tokens);

/// "constant", or "cosine": rises from near 1 to `scale` along half a cosine.
std::vector<double> guidance_scales(const std::string& kind, double scale, size_t steps);

}  // namespace fourm
