// Furniture put together from simple solids.
#pragma once

#include "fourm/core/rng.h"
#include "fourm/rooms/classes.h"
#include "fourm/rooms/geometry.h"

namespace fourm {

/// A piece of furniture of about the given size (metres; width, height, depth), centred in x and z, foot at y = 0, front
/// to +z. Legs, backs, doors, drawers, shades, leaves and colours are drawn, so that each piece has a shape of its own; a
/// class that has none becomes a cabinet.
Mesh join_furniture(RoomClass semantic, Vec3 size, Random random);

}  // namespace fourm
