// Furniture built from simple solids.
#pragma once

#include "fourm/core/rng.h"
#include "fourm/rooms/classes.h"
#include "fourm/rooms/geometry.h"

namespace fourm {

/// A piece of furniture of about the given size (metres; width, height, depth), centred in x and z, foot at y = 0, front
/// to +z. Legs, backs, doors, drawers, shades, leaves and colours are random. A class without a design of its own is
/// built as a cabinet.
Mesh build_furniture(RoomClass semantic, Vec3 size, Random random);

}  // namespace fourm
