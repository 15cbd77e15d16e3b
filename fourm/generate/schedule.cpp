#include "fourm/generate/schedule.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

#include "fourm/core/error.h"
#include "fourm/core/finite_number.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr double kColdest = 1e-9;

void check_counts(int64_t n, int64_t steps) {
  check(n > 0 && steps > 0, "a schedule needs at least one token and one step, got ", n, " tokens in ", steps,
        " steps");
  check(n <= 1 << 24 && steps <= 1 << 24, "a schedule of ", n, " tokens in ", steps, " steps is too long");
}

double schedule_number(const std::string& text, const std::string& kind) {
  const auto value = finite_number(text);
  check(value.has_value(), "temperature schedule ", printable(kind), ": expected onex:MIN:POWER with two numbers");
  return *value;
}

}  // namespace

// The original (fourm/utils/generation.py, cosine_schedule) rounds each step and assigns the rest to the last step, which
// can leave empty or negative steps; here the running count never exceeds n and such steps are dropped.
std::vector<int64_t> cosine_tokens(int64_t n, int64_t steps) {
  check_counts(n, steps);
  const auto kept = [&](int64_t i) {
    return 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(i) / static_cast<double>(steps)));
  };
  std::vector<int64_t> tokens;
  int64_t done = 0;
  for (int64_t i = 0; i < steps; ++i) {
    const auto share = i + 1 < steps
                           ? static_cast<int64_t>(std::nearbyint(static_cast<double>(n) * (kept(i) - kept(i + 1))))
                           : n - done;
    const int64_t count = std::min(share, n - done);
    if (count <= 0) continue;
    tokens.push_back(count);
    done += count;
  }
  return tokens;
}

std::vector<int64_t> linear_tokens(int64_t n, int64_t steps) {
  check_counts(n, steps);
  std::vector<int64_t> tokens;
  const auto boundary = [&](int64_t i) { return n * i / steps; };
  for (int64_t i = 0; i < steps; ++i) tokens.push_back(boundary(i + 1) - boundary(i));
  std::sort(tokens.begin(), tokens.end(), std::greater<>());
  while (tokens.back() == 0) tokens.pop_back();
  return tokens;
}

int64_t remaining_tokens(int64_t tokens, int64_t later, int64_t missing) {
  return std::clamp<int64_t>(missing - later, 0, std::min(tokens, missing));
}

std::vector<double> temperatures(const std::string& kind, double temperature, const std::vector<int64_t>& tokens) {
  const auto n = static_cast<double>(std::accumulate(tokens.begin(), tokens.end(), int64_t{0}));
  std::vector<double> values;
  double before = 0;  // share of tokens written before the step
  if (kind == "constant") {
    values.assign(tokens.size(), temperature);
  } else if (kind == "linear") {
    for (const int64_t count : tokens) {
      values.push_back(std::max(temperature * (1 - before), kColdest));
      before += static_cast<double>(count) / n;
    }
  } else if (kind.starts_with("onex:")) {
    const auto parts = split(kind, ':');
    check(parts.size() == 3, "temperature schedule ", printable(kind), ": expected onex:MIN:POWER");
    const double lowest = schedule_number(parts[1], kind), power = schedule_number(parts[2], kind);
    // x^-power on n points from 1 to 100, moved and scaled to the range from 0 to 1.
    const double end = std::pow(100.0, -power), least = std::min(1.0, end), most = std::max(1.0, end);
    for (size_t j = 0; j < tokens.size(); ++j) {
      before += static_cast<double>(tokens[j]) / n;
      const double x = n > 1 ? 1 + 99 * static_cast<double>(j) / (n - 1) : 1;
      const double y = n > 1 && end != 1 ? (std::pow(x, -power) - least) / (most - least) : 0;
      values.push_back(std::max(lowest + (temperature - lowest) * y * (1 - before), kColdest));
    }
  } else {
    fail("unknown temperature schedule ", printable(kind), "; known: constant, linear, onex:MIN:POWER");
  }
  return values;
}

std::vector<double> guidance_scales(const std::string& kind, double scale, size_t steps) {
  if (kind == "constant") return std::vector<double>(steps, scale);
  check(kind == "cosine", "unknown guidance schedule ", printable(kind), "; known: constant, cosine");
  std::vector<double> values;
  for (size_t j = 0; j < steps; ++j) {
    const double done = static_cast<double>(j + 1) / static_cast<double>(steps);
    values.push_back(1 + (scale - 1) * 0.5 * (1 - std::cos(std::numbers::pi * done)));
  }
  return values;
}

}  // namespace fourm
