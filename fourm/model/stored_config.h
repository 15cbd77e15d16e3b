// The config of a stored model.
#pragma once

#include "fourm/model/config.h"

namespace fourm {

/// From config.json of a folder, which may be that of a finished training run. Of a single file: from its header, or else
/// from the config.json beside it. Reads no weights. Error naming the path when there is none.
ModelConfig stored_config(const fs::path& path);
/// The same where `weights`, those of the path, are open already.
ModelConfig stored_config(const fs::path& path, const SafetensorsFile& weights);

}  // namespace fourm
