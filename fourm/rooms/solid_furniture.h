// Furniture from simple solids, for machines without the furniture package.
#pragma once

#include "fourm/rooms/catalogue.h"

namespace fourm {

/// Tables, chairs, beds and so on in several colours: enough for every kind of room.
std::vector<FurnitureModel> solid_models();
/// The mesh of one of them.
Mesh solid_mesh(const FurnitureModel& model);

}  // namespace fourm
