// Wavefront OBJ and MTL text to a Mesh.
#pragma once

#include <functional>
#include <string_view>

#include "fourm/rooms/geometry.h"

namespace fourm {

/// The bytes of a file beside the OBJ, by the name written in it; empty when there is none.
using FileSource = std::function<std::string(const std::string& name)>;

/// Polygons become fans; lines and points are skipped. Error on indices that are out of range or on a file without
/// faces. Materials and textures that are missing or broken become plain grey.
Mesh parse_obj(std::string_view text, const std::string& origin, const FileSource& file);

}  // namespace fourm
