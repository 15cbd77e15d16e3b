// The models that come with the program, wherever it runs.
#pragma once

#include <CLI/CLI.hpp>

#include "fourm/core/file.h"

namespace fourm {

/// The path itself where it exists. Otherwise a path below a folder `models` that comes with the program ("rooms-ti",
/// "models/rooms-ti", "rooms-ti/clip"): beside or above the program (a build folder), or in ../share/fourm (an
/// installation). A path that is found nowhere is returned as it is.
fs::path find_model(const fs::path& path);

/// The bundled model; Error when it is not there.
fs::path bundled_model();

/// For options that name a model: applies find_model.
CLI::Validator model_path();

}  // namespace fourm
