#include "fourm/rooms/solids.h"

#include <numbers>

namespace fourm {

// One triangle with its own corners.
static void add_triangle(Mesh& mesh, const Vec3 (&p)[3], const Vec3 (&n)[3], const Vec2 (&uv)[3], uint32_t material) {
  Face face{};
  face.material = material;
  for (int k = 0; k < 3; ++k) {
    face.point[k] = static_cast<uint32_t>(mesh.points.size());
    face.normal[k] = static_cast<uint32_t>(mesh.normals.size());
    face.uv[k] = static_cast<uint32_t>(mesh.uvs.size());
    mesh.points.push_back(p[k]);
    mesh.normals.push_back(n[k]);
    mesh.uvs.push_back(uv[k]);
  }
  mesh.faces.push_back(face);
}

void add_quad(Mesh& mesh, Vec3 corner, Vec3 right, Vec3 up, uint32_t material, Vec2 r) {
  const Vec3 n = normalised(cross(right, up));
  add_triangle(mesh, {corner, corner + right, corner + right + up}, {n, n, n}, {{0, 0}, {r.u, 0}, r}, material);
  add_triangle(mesh, {corner, corner + right + up, corner + up}, {n, n, n}, {{0, 0}, r, {0, r.v}}, material);
}

void add_box(Mesh& mesh, Vec3 a, Vec3 b, uint32_t m) {
  const Vec3 s = b - a, x{s.x, 0, 0}, y{0, s.y, 0}, z{0, 0, s.z};
  add_quad(mesh, a + z, x, y, m);
  add_quad(mesh, a + x, -x, y, m);
  add_quad(mesh, a + x + z, -z, y, m);
  add_quad(mesh, a, z, y, m);
  add_quad(mesh, a + y + z, x, -z, m);
  add_quad(mesh, a, x, z, m);
}

void add_cylinder(Mesh& mesh, Vec3 base, float height, float r0, float r1, uint32_t m, int sides) {
  const Vec3 top = base + Vec3{0, height, 0}, up{0, 1, 0};
  const float slope = (r0 - r1) / height;
  for (int i = 0; i < sides; ++i) {
    const auto ring = [&](int k) {
      const float angle = static_cast<float>(2 * std::numbers::pi * k / sides);
      return Vec3{std::sin(angle), 0, std::cos(angle)};
    };
    const Vec3 a = ring(i), b = ring((i + 1) % sides);
    const Vec3 na = normalised(a + up * slope), nb = normalised(b + up * slope);
    const float u0 = static_cast<float>(i) / sides, u1 = static_cast<float>(i + 1) / sides;
    add_triangle(mesh, {base + a * r0, base + b * r0, top + b * r1}, {na, nb, nb}, {{u0, 0}, {u1, 0}, {u1, 1}}, m);
    if (r1 > 0)
      add_triangle(mesh, {base + a * r0, top + b * r1, top + a * r1}, {na, nb, na}, {{u0, 0}, {u1, 1}, {u0, 1}}, m);
    if (r1 > 0) add_triangle(mesh, {top, top + a * r1, top + b * r1}, {up, up, up}, {{0, 0}, {0, 0}, {0, 0}}, m);
    add_triangle(mesh, {base, base + b * r0, base + a * r0}, {-up, -up, -up}, {{0, 0}, {0, 0}, {0, 0}}, m);
  }
}

void add_sphere(Mesh& mesh, Vec3 centre, float radius, uint32_t m, int sides) {
  const auto at = [&](int i, int j) {
    const double a = 2 * std::numbers::pi * (i % sides) / sides, b = std::numbers::pi * j / (sides / 2);
    return Vec3{static_cast<float>(std::sin(b) * std::sin(a)), static_cast<float>(-std::cos(b)),
                static_cast<float>(std::sin(b) * std::cos(a))};
  };
  for (int j = 0; j < sides / 2; ++j)
    for (int i = 0; i < sides; ++i) {
      const Vec3 a = at(i, j), b = at(i + 1, j), c = at(i + 1, j + 1), d = at(i, j + 1);
      const auto p = [&](Vec3 n) { return centre + n * radius; };
      const Vec2 o{0, 0};
      if (j > 0) add_triangle(mesh, {p(a), p(b), p(c)}, {a, b, c}, {o, o, o}, m);
      if (j + 1 < sides / 2) add_triangle(mesh, {p(a), p(c), p(d)}, {a, c, d}, {o, o, o}, m);
    }
}

}  // namespace fourm
