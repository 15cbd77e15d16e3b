// Builds one room: the empty room, then one object after the other, each placed where it overlaps no other.
#pragma once

#include <map>
#include <numbers>
#include <optional>

#include "fourm/rooms/layout.h"

namespace fourm {

inline constexpr float kPi = std::numbers::pi_v<float>;

inline float between(Random& random, double low, double high) { return static_cast<float>(random.uniform(low, high)); }

class RoomBuilder {
 public:
  RoomBuilder(const Catalogue& catalogue, const PartModels& part_models, Random& random)
      : catalogue_(catalogue), part_models_(part_models), random_(random) {}

  Room build();

 private:
  /// A wall seen from inside: its start, its direction and its normal.
  struct Wall {
    Vec3 start, along, inward;
    float length, angle;  ///< the angle turns +z to `inward`
  };
  static constexpr int kNone = -1;
  static constexpr float kFootprint = 0.8f;  // share of an object's box that it stands on

  // The empty room (room_builder.cpp).
  void build_walls();
  void structure(Mesh mesh, RoomClass semantic);

  // Placement. Each function samples models for a part until one fits. It returns its index in Room::instances or kNone.
  int64_t draw(const std::string& part) { return part_models_.draw(part, random_); }
  /// The box of an object of the given size, rotated, with its base at `base`.
  static Box3 box_of(Vec3 size, float angle, Vec3 base);
  bool is_free(const Box3& box) const;
  /// The scale of a model in this room, along each axis; a negative factor mirrors it.
  Vec3 stretch(int64_t model);
  Vec3 size_of(int64_t model);
  int add_instance(std::string name, int64_t model, SceneObject object, const Box3& box, float angle);
  /// Places a model there if the place is free.
  int place(int64_t model, float angle, Vec3 base);
  /// A random colour factor for upholstery and painted wood.
  Vec3 tint(RoomClass c);
  /// With its back to a random wall, at a random place along it, at a height above the floor.
  int at_wall(const std::string& part, float height = 0, int tries = 10, int only_wall = -1);
  int on_wall(int64_t model, int wall, float along, float height);
  /// At a wall, at the height that the catalogue states.
  int hang(const std::string& part);
  int in_corner(const std::string& part);
  /// At a random place on the floor.
  int free_standing(const std::string& part, bool rotated, float margin = 0.5f);
  Vec3 forward(int instance) const;
  /// In front of an object, facing it or with the same orientation.
  int in_front(const std::string& part, int of, float gap, bool facing_it);
  /// Beside an object, with the same orientation and the backs aligned.
  int beside(const std::string& part, int of, bool right, float gap);
  /// On top of an object, where its surface is level.
  int on_top(const std::string& part, int of, float spread = 0.3f);
  void chairs_around(int table, int most);

  // Objects other than furniture (decoration.cpp).
  struct WallPlacement {
    const Wall* wall;
    Vec3 base;
    Box3 box;
  };
  std::optional<WallPlacement> placement_on_wall(Vec3 size, float height);
  void add_windows_and_doors();
  void add_opening(const std::string& part, RoomClass semantic);
  void curtains(int window, const Wall& wall);
  void rug(int under);
  void pictures();

  // Kinds of rooms (furnish.cpp).
  void living();
  void bedroom();
  void kitchen();
  void bath();
  void office();

  // Light and camera (viewpoint.cpp).
  void lights();
  void camera();
  float view_score(const Camera& camera, const std::vector<SceneObject>& boxes) const;

  const Catalogue& catalogue_;
  const PartModels& part_models_;
  Random& random_;
  Room room_;
  std::vector<Wall> walls_;
  std::vector<Box3> reserved_;  // free space before doors
  std::vector<float> angles_;   // of Room::instances
  std::map<int64_t, Vec3> stretches_;
  int last_wall_ = 0;
};

}  // namespace fourm
