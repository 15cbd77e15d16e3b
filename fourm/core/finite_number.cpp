#include "fourm/core/finite_number.h"

#include <cmath>
#include <exception>

namespace fourm {

std::optional<double> finite_number(const std::string& text) {
  try {
    size_t used = 0;
    const double value = std::stod(text, &used);
    if (used == text.size() && std::isfinite(value)) return value;
  } catch (const std::exception&) {
  }
  return {};
}

}  // namespace fourm
