// The weights that a run starts from: those of another model, where they fit.
#pragma once

#include "fourm/model/model_file.h"

namespace fourm {

/// A new model of this shape that takes over the tensors of the model `start` that have the same name and shape.
/// Modalities, image size and patch size may differ: tensors that `start` lacks keep their new values, and so do those of
/// a modality that have another shape there. Fixed position tables are those of the new size. Notes say which. Error
/// naming the keys that make `start` another model (width, depth, ...), and when none of its tensors fits.
FourM model_from(const fs::path& start, const ModelConfig& config, const ModalityTable& table, uint64_t seed,
                 at::Device device = at::kCPU);

}  // namespace fourm
