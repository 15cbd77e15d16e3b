// The arguments of the original's tokenizer training (run_training_vqvae.py, run_training_divae.py), stored in its .pth
// checkpoints, as the config of a tokenizer.
#pragma once

#include <map>
#include <string>

#include "fourm/io/safetensors.h"

namespace fourm {

/// Whether a file's metadata are such arguments.
bool has_training_arguments(const SafetensorsFile& file);

/// The arguments under the names of config.json. Channels and labels, which are not among the arguments, come from the
/// shapes of tensors.
std::map<std::string, std::string> constructor_arguments(const SafetensorsFile& file);

}  // namespace fourm
