// Parity cases: inputs recorded with the Python original, run by this library. Only `fourm replay` and the tests link
// this folder. A case is a folder with case.json, inputs and, for most kinds, the weights of a small model.
#pragma once

#include <optional>

#include "fourm/core/file.h"
#include "fourm/core/json.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/nn/parameters.h"

namespace fourm {

/// The tensors on the CPU.
inline NamedTensors on_host(NamedTensors tensors) {
  for (auto& item : tensors) item.second = item.second.to(at::kCPU);
  return tensors;
}

/// Forward pass of the Transformer (transformer/forward_*, variant_*). Every result has the name that it has in the
/// case's expected.safetensors; padding rows are included.
NamedTensors run_forward_case(const fs::path& folder, const ComputeConfig& config = {});

/// Gradients of the loss of such a case, the mean over its modalities, by parameter; a shared parameter is given
/// under each of its names, and those without a gradient are left out.
NamedTensors run_forward_gradients(const fs::path& folder);

/// Generation (transformer/generate_*): every run of the case, results named as in expected.safetensors.
NamedTensors run_generation_case(const fs::path& folder, const ComputeConfig& config = {});

/// A tokenizer case: kind vqvae, divae, quantizer or schedulers; an error for another kind. Gradients are returned for
/// every parameter.
NamedTensors run_tokenizer_case(const fs::path& folder, const ComputeConfig& config = {});

/// Strings, boxes and structured text (kind text): the lists of the case's files, each entry with the computed fields.
/// The tokenizer that case.json names is read from the folder, else from `tokenizer`, which is logged.
Json run_text_case(const fs::path& folder, const std::optional<fs::path>& tokenizer);

/// Runs a case of any kind and writes its results to `out`: safetensors, or JSON for text cases. Returns the number of
/// results. The kind is read from case.json: `runs` = generation, `num_encoder_tokens` = forward pass, else its `kind`.
size_t replay(const fs::path& folder, const fs::path& out, const std::optional<fs::path>& tokenizer,
              const ComputeConfig& config = {});

}  // namespace fourm
