// Descriptions of data files and folders: images, arrays, texts, text tokenizers, tar shards, data sets.
#pragma once

#include "fourm/core/json.h"

namespace fourm {

/// {"kind": "PNG image", "width": 640, ...}: by content; by name only where the content is ambiguous.
/// Error when it is none of these, or broken.
Json describe_data(const fs::path& path);

/// The same of a JSON file that is already read.
Json describe_json(const Json& json, const fs::path& path);

}  // namespace fourm
