// The parts of a modality's name: "tok_depth@128" has the base name "depth" and the size 128.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fourm {

/// "tok_depth@128" -> "tok_depth".
std::string name_without_size(std::string_view modality);

/// "tok_depth@128" -> "depth": the source of the tokens.
std::string base_name(std::string_view modality);

/// Pixels a side: 256 for "tok_depth@256". Nothing without "@" and a number.
std::optional<int64_t> size_in_name(std::string_view modality);

}  // namespace fourm
