#include "fourm/experiments/spread.h"

#include <cmath>
#include <cstdio>
#include <iterator>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

Spread spread_of(const std::vector<double>& values) {
  check(!values.empty(), "[spread_of] no values");
  const auto n = static_cast<double>(values.size());
  Spread spread;
  for (const double value : values) spread.mean += value / n;
  if (values.size() == 1) return spread;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.deviation = std::sqrt(squares / (n - 1));
  // Quantiles of Student's t by degrees of freedom, and their expansion beyond.
  constexpr double kStudent[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
  const size_t freedom = values.size() - 1;
  const double quantile =
      freedom <= std::size(kStudent) ? kStudent[freedom - 1] : 1.96 + 2.372 / (n - 1) + 2.822 / ((n - 1) * (n - 1));
  spread.half_width = quantile * spread.deviation / std::sqrt(n);
  return spread;
}

std::string fixed(double value, int decimals) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string with_interval(const std::vector<double>& values, int decimals) {
  const Spread spread = spread_of(values);
  const std::string mean = fixed(spread.mean, decimals);
  return values.size() == 1 ? mean : concat(mean, " ± ", fixed(spread.half_width, decimals));
}

}  // namespace fourm
