// Where the files of a model lie, from the path that a user gives.
#pragma once

#include "fourm/core/file.h"

namespace fourm {

/// The folder of a training run (recipe.yaml, checkpoints/, model/) stands for the finished model in it. Any other path
/// is returned as it is. Error when the run has no finished model yet, and for one of its checkpoints.
fs::path model_folder(const fs::path& path);

/// The folder with the files of the model that a path stands for (tokenizer.json, modalities.yaml, tokenizers/):
/// model_folder(), or where that is a single file the folder that it lies in.
fs::path folder_of_model(const fs::path& path);

/// Whether the path is the folder of a training run.
bool is_run_folder(const fs::path& path);

/// The name of the run's newest checkpoint ("step-000500"); empty when there is none.
std::string newest_checkpoint(const fs::path& run);

}  // namespace fourm
