// Parity cases of the forward pass (fixtures: transformer/forward_*, variant_*), for `fourm replay` and the tests.
#pragma once

#include "fourm/core/file.h"
#include "fourm/generate/engine.h"
#include "fourm/nn/parameters.h"

namespace fourm {

/// Every result of the case under the name that its expected.safetensors uses, padding rows included.
NamedTensors run_forward_case(const fs::path& folder, const EngineConfig& engine = {});

}  // namespace fourm
