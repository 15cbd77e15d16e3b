// Checkpoints saved by PyTorch: a zip archive of one pickle and the bytes of each storage. Read without running any of
// the code that the pickle names (pickle.h); tensors stay mapped, as those of safetensors files.
#pragma once

#include "fourm/io/safetensors.h"

namespace fourm {

/// Whether the file begins as a zip archive or a pickle, not as safetensors.
bool is_torch_file(const fs::path& path);

/// The state dict of a .pth, .pt or .bin file: the dict itself, or its member "model", "state_dict" or "module". What
/// stands in its member "args" (numbers, texts, lists of them) is the metadata, each value as Python prints it. Two
/// names of one tensor are both listed. Error naming file and tensor when it is cut, compressed, of PyTorch before 1.6,
/// or not of a known form.
SafetensorsFile open_torch_file(const fs::path& path);

}  // namespace fourm
