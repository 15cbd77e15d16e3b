#include "fourm/rooms/catalogue.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include "tests/support/damage.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

// A furniture file: a zip with these entries.
void write_furniture(const fs::path& path, const Entries& entries) {
  const std::unique_ptr<archive, int (*)(archive*)> zip(archive_write_new(), archive_write_free);
  archive_write_set_format_zip(zip.get());
  ASSERT_EQ(archive_write_open_filename(zip.get(), path.c_str()), ARCHIVE_OK);
  for (const auto& [name, bytes] : entries) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<int64_t>(bytes.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    ASSERT_EQ(archive_write_header(zip.get(), entry.get()), ARCHIVE_OK);
    ASSERT_EQ(archive_write_data(zip.get(), bytes.data(), bytes.size()), static_cast<la_ssize_t>(bytes.size()));
  }
  ASSERT_EQ(archive_write_close(zip.get()), ARCHIVE_OK);
}

// A tetrahedron away from the origin, a model whose file is missing, and one that is not an OBJ.
const Entries kFurniture{
    {"PluginFurnitureCatalog.properties",
     "# comment\nid#1=made#bench\nname#1=B\\u00e4nch "
     "Stool\ncategory#1=Kitchen\ncreator#1=Ren\xe9\nmodel#1=/bench/b.obj\n"
     "width#1=120\nheight#1=45.5\ndepth#1=30\nelevation#1=10\ndropOnTopElevation#1=-1\n"
     "modelRotation#1=0 0 1 0 1 0 -1 0 0\n"
     "id#2=made#gone\nname#2=Sofa\ncategory#2=Living room\nmodel#2=/gone/g.obj\nwidth#2=1\nheight#2=1\ndepth#2=1\n"
     "id#3=made#other\nname#3=Table\ncategory#3=Office\nmodel#3=/t.dae\nwidth#3=1\nheight#3=1\ndepth#3=1\n"},
    {"LICENSE.TXT", "All under http://creativecommons.org/licenses/by/3.0/ as said."},
    {"bench/b.obj", "v 5 5 5\nv 6 5 5\nv 5 8 5\nv 5 5 9\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"}};

TEST(Catalogue, PropertiesOfAFurnitureFileAreRead) {
  const test::TemporaryFolder folder;
  write_furniture(folder / "made.sh3f", kFurniture);
  const Catalogue catalogue(folder.path());
  EXPECT_FALSE(catalogue.only_solids());
  ASSERT_EQ(catalogue.models().size(), 2u) << "only those with an OBJ";
  const FurnitureModel& bench = catalogue.models()[0];
  EXPECT_EQ(bench.id, "made#bench");
  EXPECT_EQ(bench.name, "b\u00e4nch stool");
  EXPECT_EQ(bench.creator, "Ren\u00e9");
  EXPECT_EQ(bench.licence, "http://creativecommons.org/licenses/by/3.0/");
  EXPECT_EQ(bench.semantic, kStool);
  EXPECT_FLOAT_EQ(bench.size.y, 0.455f);
  EXPECT_FLOAT_EQ(bench.elevation, 0.1f);
  EXPECT_FALSE(bench.supports_objects);
  EXPECT_TRUE(catalogue.models()[1].supports_objects) << "unless the file says otherwise";
}

TEST(Catalogue, MeshesAreTurnedAndFittedIntoTheirSize) {
  const test::TemporaryFolder folder;
  write_furniture(folder / "made.sh3f", kFurniture);
  const Catalogue catalogue(folder.path());
  const auto mesh = catalogue.mesh(0);
  ASSERT_TRUE(mesh);
  const Box3 box = mesh->bounds();
  const Vec3 low{-0.6f, 0, -0.15f}, high{0.6f, 0.455f, 0.15f};
  EXPECT_LT(length(box.low - low), 1e-6f);
  EXPECT_LT(length(box.high - high), 1e-6f);
  // The rotation takes z to x, so the corner that lies far along z of the file lies far along x.
  EXPECT_NEAR(mesh->points[3].x, 0.6f, 1e-6);
  EXPECT_NEAR(mesh->points[1].z, -0.15f, 1e-6);
  EXPECT_EQ(catalogue.mesh(0), mesh) << "a model is read once";
  EXPECT_EQ(catalogue.mesh(1), nullptr) << "a model without its file";
}

TEST(Catalogue, DamagedFurnitureFilesAreReadOrRefused) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "made.sh3f";
  write_furniture(file, kFurniture);
  const std::string valid = read_file(file);
  test::expect_refusals(valid, 200, [&](const std::string& bytes) {
    write_file(file, bytes);
    const Catalogue catalogue(folder.path());
    for (size_t i = 0; i < catalogue.models().size(); ++i)
      if (const auto mesh = catalogue.mesh(i)) {
        EXPECT_FALSE(mesh->faces.empty());
      }
  });
}

TEST(Catalogue, BrokenFurnitureFilesAreNamed) {
  const test::TemporaryFolder folder;
  write_file(folder / "a.sh3f", "PK not a zip");
  const auto refusal = [&] { return test::message_of([&] { Catalogue{folder.path()}; }); };
  EXPECT_NE(refusal().find("a.sh3f: is a broken or cut furniture file"), std::string::npos) << refusal();
  write_furniture(folder / "a.sh3f", {{"LICENSE.TXT", ""}});
  EXPECT_EQ(refusal(), (folder / "a.sh3f").string() + ": holds no PluginFurnitureCatalog.properties");
}

TEST(Catalogue, EachClassIsDividedAmongTheSplits) {
  const Catalogue catalogue("/nonexistent"), again("/nonexistent");
  EXPECT_TRUE(catalogue.only_solids());
  ASSERT_EQ(catalogue.models().size(), again.models().size());
  std::map<RoomClass, std::map<Split, size_t>> members;
  for (size_t i = 0; i < catalogue.models().size(); ++i) {
    const FurnitureModel& model = catalogue.models()[i];
    EXPECT_EQ(model.id, again.models()[i].id);
    EXPECT_EQ(model.split, again.models()[i].split);
    ++members[model.semantic][model.split];
  }
  for (auto& [semantic, of] : members) {
    const size_t all = of[Split::kTrain] + of[Split::kVal] + of[Split::kTest];
    EXPECT_EQ(of[Split::kVal], all / 10) << class_name(semantic);
    EXPECT_EQ(of[Split::kTest], all / 10) << class_name(semantic);
  }
}

TEST(Catalogue, SolidsFillTheirSize) {
  const Catalogue catalogue("/nonexistent");
  for (size_t i = 0; i < catalogue.models().size(); i += 7) {
    const FurnitureModel& model = catalogue.models()[i];
    const auto mesh = catalogue.mesh(i);
    ASSERT_TRUE(mesh) << model.id;
    EXPECT_LT(length(mesh->bounds().size() - model.size), 1e-4f) << model.id;
    EXPECT_NEAR(mesh->bounds().low.y, 0, 1e-5) << model.id;
  }
}

TEST(Catalogue, SplitsAreKnownByTheirNames) {
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest, Split::kAll})
    EXPECT_EQ(parse_split(std::string(split_name(split))), split);
  EXPECT_EQ(test::message_of([] { parse_split("dev"); }), "the split must be train, val, test or all, got 'dev'");
}

}  // namespace
}  // namespace fourm
