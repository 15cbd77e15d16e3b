// What is in a model folder, a config or any safetensors file, as text or JSON.
#pragma once

#include "fourm/core/json.h"

namespace fourm {

/// {file, tensors: [{name, dtype, shape}], metadata, and for a model: config, modalities, parameters}. Tensor values are
/// not read. Error when the path is none of these.
Json inspect(const fs::path& path);

/// The same for people; `all_tensors` lists every tensor.
std::string inspect_text(const Json& report, bool all_tensors);

}  // namespace fourm
