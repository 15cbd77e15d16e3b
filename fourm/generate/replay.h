// `fourm replay`: runs a parity case and writes what it computes.
#pragma once

#include <optional>

#include "fourm/core/file.h"

namespace fourm {

/// The kind is read from case.json: `runs` = generation, `num_encoder_tokens` = forward pass, else its `kind`. Tensor
/// cases write a safetensors file, text cases JSON. Returns the number of results.
size_t replay(const fs::path& folder, const fs::path& out, const std::optional<fs::path>& tokenizer);

}  // namespace fourm
