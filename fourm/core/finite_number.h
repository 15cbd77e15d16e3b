#pragma once

#include <optional>
#include <string>

namespace fourm {

/// The number that the whole text is, as std::stod reads it; nothing when it is none, or NaN or infinite.
std::optional<double> finite_number(const std::string& text);

}  // namespace fourm
