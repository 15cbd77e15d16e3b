#include "fourm/rooms/obj.h"

#include <gtest/gtest.h>

#include "tests/support/damage.h"

namespace fourm {
namespace {

std::string no_files(const std::string&) { return ""; }

TEST(Obj, PolygonsIndicesAndMaterials) {
  const std::string text =
      "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nusemtl red oak\nf -4/1 -3/1 -2/1 -1/1\n";
  const Mesh mesh = parse_obj(text, "a", [](const std::string& name) {
    return name == "a.mtl" ? "newmtl red oak\r\nKd 1 0 0\r\nd 0.5\r\nmap_Kd missing.png\r\n" : "";
  });
  ASSERT_EQ(mesh.faces.size(), 2u);
  EXPECT_EQ(mesh.faces[1].point[2], 3u);
  EXPECT_NEAR(mesh.normals[mesh.faces[0].normal[0]].z, 1, 1e-6);
  EXPECT_EQ(mesh.materials[0].colour.x, 1);
  EXPECT_EQ(mesh.materials[0].opacity, 0.5f);
  EXPECT_TRUE(mesh.materials[0].wood);
}

TEST(Obj, BadIndicesAreRefused) {
  for (const char* bad : {"", "v 0 0 0\nf 1 2 3\n", "v 0 0 0\nf 1 1 -5\n", "v 0 0 0\nf a b c\n", "v 0 0 0\nf 1 1 0\n",
                          "v 0 0 0\nf 1/1 1/1 1/1\n", "v 0 0 0\nf 99999999999999999999 1 1\n"})
    EXPECT_THROW(parse_obj(bad, "a", no_files), Error) << bad;
}

TEST(Obj, DamagedFilesAreReadOrRefused) {
  const std::string text =
      "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\nusemtl m\nf 1/1/1 2/1/1 3/1/1 4/1/1\n";
  const std::string materials = "newmtl m\nKd 1 0.5 0\nNs 10\nd 0.5\nmap_Kd a.png\n";
  Random random(1);
  test::expect_refusals(text, 2000, [&](const std::string& bytes) {
    const Mesh mesh = parse_obj(bytes, "a", [&](const std::string& name) {
      return name == "a.mtl" ? test::damaged(materials, random) : std::string();
    });
    ASSERT_FALSE(mesh.faces.empty());
    for (const Face& face : mesh.faces) {
      EXPECT_LT(face.material, mesh.materials.size());
      for (int k = 0; k < 3; ++k) {
        EXPECT_LT(face.point[k], mesh.points.size());
        EXPECT_LT(face.normal[k], mesh.normals.size());
        EXPECT_TRUE(face.uv[k] == Face::kNone || face.uv[k] < mesh.uvs.size());
      }
    }
  });
}

}  // namespace
}  // namespace fourm
