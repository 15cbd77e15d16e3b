// Parity cases of generation (fixtures: transformer/generate_*), for `fourm replay` and the tests.
#pragma once

#include "fourm/core/file.h"
#include "fourm/generate/engine.h"
#include "fourm/nn/parameters.h"

namespace fourm {

/// Every run of the case; results under the names that expected.safetensors uses.
NamedTensors run_generation_case(const fs::path& folder, const EngineConfig& engine = {});

}  // namespace fourm
