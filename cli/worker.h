// --worker K/N: a share of the work.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "cli/usage.h"

namespace fourm {

/// K and N. UsageError unless K is from 0 to N - 1.
inline std::pair<int64_t, int64_t> parse_worker(const std::string& text) {
  long long k = 0, n = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%lld/%lld%c", &k, &n, &rest) != 2 || n < 1 || k < 0 || k >= n)
    throw UsageError("--worker should be K/N with K from 0 to N - 1, such as 0/2");
  return {k, n};
}

}  // namespace fourm
