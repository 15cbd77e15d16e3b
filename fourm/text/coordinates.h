// The words "v0=17" that every token string is made of: v0 to v3, each with an integer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fourm {

/// "vK=N" with N the value rounded half to even. Error when the value is not finite or beyond 1e15.
std::string coordinate(int k, double value);

struct Coordinate {
  int k = 0;
  int64_t value = 0;
};

/// Reads "vK=N", K from 0 to 3; nothing for any other word.
std::optional<Coordinate> read_coordinate(std::string_view word);

/// A number in any form that Python's float() reads: "12", "+1.5", ".5", "1e2", "1_000", decimal digits of any script,
/// white space around it. Nothing for other text, NaN and infinity.
std::optional<double> read_decimal(std::string_view text);

/// A token id from 0 to 1023 of a pose or shape tokenizer: "v0=<id>" below 512, "v1=<id - 512>" from there on.
std::string shape_token(double id);
std::optional<double> read_shape_token(std::string_view word);

}  // namespace fourm
