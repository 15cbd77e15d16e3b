// The report of `fourm eval` for the eye.
#pragma once

#include <string>

#include "fourm/core/json.h"

namespace fourm {

/// A block for each input set; after several of them an overview of the shares closed, a column for each.
std::string evaluation_table(const Json& report);

}  // namespace fourm
