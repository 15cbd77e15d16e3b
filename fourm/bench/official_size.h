// The sizes of the official models.
#pragma once

#include "fourm/model/config.h"

namespace fourm {

/// The seven modalities of 4M-7; Error on an unknown size, listing the known.
ModelConfig official_size(const std::string& name);

}  // namespace fourm
