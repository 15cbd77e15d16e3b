// The mean of a few values, such as those of several seeds, and how far they spread.
#pragma once

#include <string>
#include <vector>

namespace fourm {

struct Spread {
  double mean = 0;
  double deviation = 0;   ///< standard deviation of a sample; 0 of one value
  double half_width = 0;  ///< of the 95 % interval of the mean (Student's t); 0 of one value
};

/// Error without values.
Spread spread_of(const std::vector<double>& values);

/// A number with so many decimals, for the tables of experiments.
std::string fixed(double value, int decimals);
/// "0.600 ± 0.248"; of one value "0.600".
std::string with_interval(const std::vector<double>& values, int decimals);

}  // namespace fourm
