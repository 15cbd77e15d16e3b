// Furnishes one room: an empty shell, then piece by piece, each standing where nothing else does.
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
  RoomBuilder(const Catalogue& catalogue, const Casting& casting, Random& random)
      : catalogue_(catalogue), casting_(casting), random_(random) {}

  Room build();

 private:
  /// A wall seen from inside: where it starts, along which axis it runs, which way it faces.
  struct Wall {
    Vec3 start, along, inward;
    float length, angle;  ///< the angle turns +z to `inward`
  };
  static constexpr int kNothing = -1;
  static constexpr float kFootprint = 0.8f;  // of a thing's box is what it stands on

  // The empty room (room_builder.cpp).
  void shell();
  void structure(Mesh mesh, RoomClass semantic);

  // Placing. Each draws models for a part until one fits and returns its index in the room's things, or kNothing.
  int64_t draw(const std::string& part) { return casting_.draw(part, random_); }
  /// The box of something of the given size, turned, with its foot at `foot`.
  static Box3 box_of(Vec3 size, float angle, Vec3 foot);
  bool is_free(const Box3& box) const;
  /// How a model is shaped in this room: pieces of one design come in many sizes, and as left and right ones.
  Vec3 stretch(int64_t model);
  Vec3 size_of(int64_t model);
  int add_thing(std::string name, int64_t model, SceneObject object, const Box3& box, float angle);
  /// Stands a model there unless something is in the way.
  int stand(int64_t model, float angle, Vec3 foot);
  /// Upholstery and painted wood come in many colours.
  Vec3 tint(RoomClass c);
  /// With its back to a random wall, somewhere along it; heights above 0 hang.
  int at_wall(const std::string& part, float height = 0, int tries = 10, int only_wall = -1);
  int on_wall(int64_t model, int wall, float along, float height);
  /// At a wall, at the height that the catalogue gives it.
  int hung(const std::string& part);
  int in_corner(const std::string& part);
  /// Anywhere on the floor.
  int free_standing(const std::string& part, bool askew, float margin = 0.5f);
  Vec3 forward(int thing) const;
  /// Before a thing, facing it or facing as it does.
  int in_front(const std::string& part, int of, float gap, bool facing_it);
  /// Beside a thing, facing as it does, backs in line.
  int beside(const std::string& part, int of, bool right, float gap);
  /// On a thing, where it is level.
  int on_top(const std::string& part, int of, float spread = 0.3f);
  void chairs_around(int table, int most);

  // What is not furniture (decoration.cpp).
  struct Spot {
    const Wall* wall;
    Vec3 foot;
    Box3 box;
  };
  std::optional<Spot> spot_on_wall(Vec3 size, float height);
  void openings();
  void opening(const std::string& part, RoomClass semantic);
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
  const Casting& casting_;
  Random& random_;
  Room room_;
  std::vector<Wall> walls_;
  std::vector<Box3> reserved_;  // free space before doors
  std::vector<float> angles_;   // of the things
  std::map<int64_t, Vec3> stretches_;
  int last_wall_ = 0;
};

}  // namespace fourm
