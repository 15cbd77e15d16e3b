// Where things stand: an empty room by seed, furnished piece by piece so that boxes never overlap.
#pragma once

#include "fourm/rooms/casting.h"
#include "fourm/rooms/shading.h"
#include "fourm/rooms/surfaces.h"

namespace fourm {

enum class RoomKind { kLiving, kBedroom, kKitchen, kBath, kOffice };
std::string_view room_name(RoomKind kind);  ///< "living room"

/// One thing in the room. Instances count from 1 in the order of this list.
struct Thing {
  std::string name;    ///< the catalogue's, or "picture"
  int64_t model = -1;  ///< index in the catalogue
  RoomClass semantic = kOther;
  Box3 box;
};

struct Room {
  RoomKind kind = RoomKind::kLiving;
  Vec3 size;  ///< the floor spans (0, 0, 0) to (size.x, 0, size.z)
  std::vector<SceneObject> objects;
  std::vector<Thing> things;
  SurfaceFinish floor, wall;
  Camera camera;
  Lighting light;
};

/// Draws room, furniture, light and camera.
Room make_room(const Catalogue& catalogue, const Casting& casting, Random& random);

}  // namespace fourm
