// Parity cases of the tokenizers: runs one case folder and gives each result under the name it has in the fixtures.
#pragma once

#include "fourm/nn/parameters.h"

namespace fourm {

/// A folder with case.json of kind vqvae, divae, quantizer or schedulers, and inputs.safetensors. `expected*.safetensors` is not read.
/// Gradients are given for every parameter. Error on another kind. What is no training is computed by a tokenizer packed
/// for `pack_for`, or by the plain one.
NamedTensors run_tokenizer_case(const fs::path& folder, std::optional<Precision> pack_for = Precision::kF32);

}  // namespace fourm
