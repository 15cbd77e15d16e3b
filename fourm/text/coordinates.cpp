#include "fourm/text/coordinates.h"

#include <charconv>
#include <cmath>

#include "fourm/core/error.h"

namespace fourm {

std::string coordinate(int k, double value) {
  check(std::abs(value) < 1e15, "the value ", value, " cannot be written as a coordinate; expected a finite number");
  // nearbyint rounds half to even in the default rounding mode.
  return concat("v", k, "=", static_cast<int64_t>(std::nearbyint(value)));
}

std::optional<Coordinate> read_coordinate(std::string_view word) {
  if (word.size() < 4 || word[0] != 'v' || word[1] < '0' || word[1] > '3' || word[2] != '=') return std::nullopt;
  Coordinate out{word[1] - '0', 0};
  const auto [end, error] = std::from_chars(word.data() + 3, word.data() + word.size(), out.value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return out;
}

static constexpr int64_t kHalf = 512;

std::string shape_token(double id) { return id < kHalf ? coordinate(0, id) : coordinate(1, id - kHalf); }

std::optional<double> read_shape_token(std::string_view word) {
  const auto read = read_coordinate(word);
  if (!read || read->k > 1 || read->value < 0 || read->value >= kHalf) return std::nullopt;
  return static_cast<double>(read->value + read->k * kHalf);
}

}  // namespace fourm
