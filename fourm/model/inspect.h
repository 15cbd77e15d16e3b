// A description of what is at a path, as text or JSON: a model folder, a training run, a config, any safetensors file or PyTorch
// checkpoint, or data (data/describe.h).
#pragma once

#include "fourm/core/json.h"

namespace fourm {

/// {path, kind}, and for weights: tensors: [{name, dtype, shape}], metadata, and for a model: config, modalities,
/// parameters. Tensor values are not read. `modalities`: a YAML file with modalities of the model's own. Error when the
/// path is none of these.
Json inspect(const fs::path& path, const fs::path& modalities = {});

/// The same as text; `all_tensors` lists every tensor.
std::string inspect_text(const Json& report, bool all_tensors);

/// Copies a model or tokenizer folder with its floating-point values stored as `dtype` (f32, f16 or bf16); one safetensors file becomes
/// one file, a PyTorch checkpoint a folder of config.json and model.safetensors.
/// `bits` > 0 rounds to so many significant bits first (float16 has 11, bfloat16 8): the zeros that follow compress.
/// Error when a value is too large for the type.
void convert(const fs::path& path, const fs::path& out, const std::string& dtype, int bits = 0);

}  // namespace fourm
