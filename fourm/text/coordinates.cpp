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

}  // namespace fourm
