// The gallery of the bundled model.
#include "fourm/demo/demo.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/data/data_facts.h"
#include "fourm/rooms/classes.h"
#include "fourm/rooms/rooms.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(Demo, RowsForEachRoomAndEachWayOfGeneration) {
  const Pipeline pipeline = Pipeline::open({.model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti"});
  const fs::path model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti";
  const Pipeline second = Pipeline::open({.model = model / "superres"});
  DemoOptions options;
  options.rooms = options.generations = 1;
  std::vector<std::string> titles;
  for (const auto& row : demo(pipeline, options, &second).rows) {
    titles.push_back(row.title.substr(0, row.title.find(':')));
    EXPECT_GE(row.cells.size(), 4u) << row.title;
  }
  EXPECT_EQ(titles, (std::vector<std::string>{"RGB -> all", "the truth of room 1", "caption -> all", "negative caption",
                                              "boxes -> RGB", "depth -> RGB", "normals -> RGB", "classes -> RGB",
                                              "chained, each from all before it", "in-painting",
                                              "super-resolution from 128 to 256 pixels"}));
  options.generations = 0;
  const test::TemporaryFolder folder;
  options.images = {(folder.path() / "photo.png").string()};
  write_png(options.images[0], Image(40, 30, 3, 200));
  const auto rows = demo(pipeline, options).rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].title, "RGB -> all: photo.png");
  EXPECT_EQ(rows[1].cells.size(), rows[2].cells.size());
  options.images.clear();
  options.rooms = 0;
  EXPECT_THROW(demo(pipeline, options), Error);
}

// The demo shows what `fourm generate` makes.
TEST(Demo, ImagesAreGeneratedByTheDefaultPlan) {
  const Pipeline pipeline = Pipeline::open({.model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti"});
  DemoOptions options;
  options.rooms = 0;
  options.generations = 1;
  const Gallery gallery = demo(pipeline, options);
  const auto row = std::find_if(gallery.rows.begin(), gallery.rows.end(),
                                [](const GalleryRow& r) { return r.title == "depth -> RGB"; });
  ASSERT_NE(row, gallery.rows.end());
  RoomOptions world;
  world.seed = 1000;
  world.split = Split::kVal;
  world.furniture = Split::kTrain;
  std::vector<Canvas> canvases(4);
  for (size_t i = 0; i < canvases.size(); ++i) {
    canvases[i].key = 4000 + i;
    pipeline.add_image(canvases[i], "tok_depth@128", depth_in_metres(RoomMaker(world).make(0).depth_mm));
  }
  pipeline.run(canvases, pipeline.default_plan(canvases[0], {"tok_rgb@128"}), {});
  for (size_t i = 0; i < canvases.size(); ++i)
    EXPECT_EQ(row->cells[i + 1].image, pipeline.visualize(canvases[i], "tok_rgb@128")) << i;
}

TEST(BundledModel, NamesTheClassesOfRooms) {
  const std::vector<std::string> names = read_class_names(fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti");
  ASSERT_EQ(names.size(), static_cast<size_t>(kRoomClasses));
  for (size_t c = 0; c < names.size(); ++c) EXPECT_EQ(names[c], class_name(static_cast<RoomClass>(c)));
}

}  // namespace
}  // namespace fourm
