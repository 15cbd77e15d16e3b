// Furniture built from simple solids.
#pragma once

#include "fourm/core/rng.h"
#include "fourm/rooms/classes.h"
#include "fourm/rooms/geometry.h"

namespace fourm {

/// A piece of furniture of about the given size (metres; width, height, depth), around x = z = 0, its base at y = 0 or up
/// to a twentieth of its height above, front to +z; the catalogue fits it to its size. Legs, backs, doors, drawers, shades,
/// leaves and colours are random. A class without a design of its own is built as a cabinet.
Mesh build_furniture(RoomClass semantic, Vec3 size, Random random);

}  // namespace fourm
