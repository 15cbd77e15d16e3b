// Official sizes with random weights, for timing without a download.
#pragma once

#include "fourm/bench/official_size.h"
#include "fourm/bench/workload.h"
#include "fourm/model/model_file.h"

namespace fourm {

/// The folder of a model of the setting's size, and that of the official RGB tokenizer. Each is written if it is missing.
fs::path random_model(const BenchSetting& setting);
fs::path random_super_resolution_model(const BenchSetting& setting);  ///< the modalities of the official 4M-7-SR
fs::path random_tokenizer(const BenchSetting& setting);

}  // namespace fourm
