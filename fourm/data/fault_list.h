// The faults of a data set as lines to read.
#pragma once

#include "fourm/data/source.h"

namespace fourm {

/// A line a fault of the data set `path`, those of a kind together: the first `most` of them, then how many more there
/// are. A kind is a modality and a problem, whatever numbers and names the problem has. Each line begins with `prefix`.
std::string fault_lines(const std::vector<Fault>& faults, const std::string& path, const std::string& prefix = "",
                        size_t most = 10);

}  // namespace fourm
