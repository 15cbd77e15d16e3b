// The layout of a room: its size, its objects, whose boxes never overlap, its light and its camera.
#pragma once

#include "fourm/rooms/part_models.h"
#include "fourm/rooms/shading.h"
#include "fourm/rooms/surfaces.h"

namespace fourm {

enum class RoomKind { kLiving, kBedroom, kKitchen, kBath, kOffice };
std::string_view room_name(RoomKind kind);  ///< "living room"

/// One object of the room. Instance numbers count from 1 in the order of Room::instances.
struct ObjectInstance {
  std::string name;    ///< of the catalogue, or "picture"
  int64_t model = -1;  ///< index in the catalogue
  RoomClass semantic = kOther;
  Box3 box;  ///< in world space, metres
};

struct Room {
  RoomKind kind = RoomKind::kLiving;
  Vec3 size;  ///< the floor spans (0, 0, 0) to (size.x, 0, size.z)
  std::vector<SceneObject>
      objects;  ///< all meshes; SceneObject::instance is 1 + an index into `instances`, 0 for walls
  std::vector<ObjectInstance> instances;
  SurfaceFinish floor, wall;
  Camera camera;
  Lighting light;
};

/// Samples the room, its furniture, the light and the camera.
Room make_room(const Catalogue& catalogue, const PartModels& part_models, Random& random);

}  // namespace fourm
