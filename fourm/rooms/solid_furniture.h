// The furniture that is put together here: for machines without the furniture package, and beside it for variety.
#pragma once

#include "fourm/rooms/catalogue.h"

namespace fourm {

/// Twenty pieces of each kind, tables, chairs, beds and so on: enough for every kind of room.
std::vector<FurnitureModel> solid_models();
/// The mesh of one of them.
Mesh solid_mesh(const FurnitureModel& model);

}  // namespace fourm
