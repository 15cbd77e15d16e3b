// Catalogue entries of furniture built from solids, for machines without the furniture package and for variety.
#pragma once

#include "fourm/rooms/catalogue.h"

namespace fourm {

/// Twenty pieces of each kind of furniture.
std::vector<FurnitureModel> solid_models();
/// The mesh of one of solid_models().
Mesh solid_mesh(const FurnitureModel& model);

}  // namespace fourm
