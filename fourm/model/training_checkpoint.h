// Checkpoints of the original's pre-training (run_training_4m.py; .pth), which name an architecture instead of storing a
// config.
#pragma once

#include "fourm/model/config.h"

namespace fourm {

/// Whether the file holds the tensors of a 4M model and the arguments of its training.
bool is_training_checkpoint(const SafetensorsFile& file);

/// The config that follows from names and shapes of the tensors, with image and patch size and mask options from the arguments.
/// Heads are 64 wide, as in all of the original's architectures.
ModelConfig training_checkpoint_config(const SafetensorsFile& file);

}  // namespace fourm
