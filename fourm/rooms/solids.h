// Meshes of simple solids.
#pragma once

#include "fourm/rooms/geometry.h"

namespace fourm {

/// The parallelogram from `corner` along `right` and `up`; its normal is right x up. Texture coordinates run from 0 to
/// `repeat`.
void add_quad(Mesh& mesh, Vec3 corner, Vec3 right, Vec3 up, uint32_t material, Vec2 repeat = {1, 1});
void add_box(Mesh& mesh, Vec3 low, Vec3 high, uint32_t material);
/// Upright, with the centre of its lower end at `base`, of the given height and radii in metres; smooth sides. A radius of 0 makes
/// a cone. `material` is an index into mesh.materials, here and below.
void add_cylinder(Mesh& mesh, Vec3 base, float height, float radius, float top_radius, uint32_t material,
                  int sides = 32);
void add_sphere(Mesh& mesh, Vec3 centre, float radius, uint32_t material, int sides = 48);

}  // namespace fourm
