#include "fourm/text/coordinates.h"

#include <charconv>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/text/unicode.h"

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

std::optional<double> read_decimal(std::string_view text) {
  std::string plain;  // in ASCII, without white space around it
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (const int digit = decimal_digit(c); digit >= 0)
      plain += static_cast<char>('0' + digit);
    else
      plain += is_white_space(c) ? ' ' : c < 0x80 ? static_cast<char>(c) : '?';
  }
  plain = trim(plain);
  const auto digit_at = [&](size_t i) { return i < plain.size() && plain[i] >= '0' && plain[i] <= '9'; };
  for (size_t i = 0; i < plain.size(); ++i)  // an underscore stands between two digits
    if (plain[i] == '_' && i > 0 && digit_at(i - 1) && digit_at(i + 1)) plain.erase(i, 1);
  if (plain.starts_with('+') && !plain.starts_with("+-")) plain.erase(0, 1);
  const char* end = plain.data() + plain.size();
  double value = 0;
  const auto [stop, error] = std::from_chars(plain.data(), end, value);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // too large, or so small that it is 0
    long double wide = INFINITY;
    std::from_chars(plain.data(), end, wide);
    value = static_cast<double>(wide);
  }
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

static constexpr int64_t kHalf = 512;

std::string shape_token(double id) { return id < kHalf ? coordinate(0, id) : coordinate(1, id - kHalf); }

std::optional<double> read_shape_token(std::string_view word) {
  const auto read = read_coordinate(word);
  if (!read || read->k > 1 || read->value < 0 || read->value >= kHalf) return std::nullopt;
  return static_cast<double>(read->value + read->k * kHalf);
}

}  // namespace fourm
