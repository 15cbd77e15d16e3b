// Each layout that fine-tuning reads, and what it says about broken ones.
#include "fourm/transfer/labelled_set.h"

#include <gtest/gtest.h>

#include <set>

#include "fourm/core/strings.h"
#include "tests/support/labelled_data.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class LabelledSetTest : public testing::Test {
 protected:
  LabelledData data(const std::string& name, const std::string& split = "") const {
    return {(root / name).string(), split, "", ""};
  }
  std::string path(const std::string& name) const { return (root / name).string(); }
  test::TemporaryFolder root;
};

TEST_F(LabelledSetTest, ImageNetFolders) {
  test::write_class_folders(root / "train", 3, 2);
  fs::rename(root / "train/n00002/image_0.png", root / "train/n00002/image_0.JPEG");  // by content, not by name
  const LabelledSet set = LabelledSet::open(data("train"), Task::kClassification);
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"n00000", "n00001", "n00002"}));
  ASSERT_EQ(set.size(), 6);
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(set.label(i), i / 2);
    EXPECT_TRUE(std::get<Image>(set.load(i).image) ==
                test::class_image(static_cast<int>(i / 2), static_cast<int>(i % 2)));
  }
  // A held-out set with fewer classes keeps the numbers; one with more is refused.
  test::write_class_folders(root / "val/split", 1, 1);
  fs::rename(root / "val/split/n00000", root / "val/split/n00002");
  const LabelledSet held_out = LabelledSet::open(data("val", "split"), Task::kClassification, set.classes());
  EXPECT_EQ(held_out.label(0), 2);
  fs::rename(root / "val/split/n00002", root / "val/split/n0002");
  EXPECT_EQ(test::message_of([&] { LabelledSet::open(data("val", "split"), Task::kClassification, set.classes()); }),
            path("val/split/n0002") +
                ": has the class 'n0002', which the model does not know (did you mean 'n00002'?); remove it, or train "
                "with it");
}

TEST_F(LabelledSetTest, ClassesOfADataSet) {
  test::write_labelled_rooms(root / "rooms", 6);
  LabelledData rooms = data("rooms");
  rooms.labels = "scene.room";
  const LabelledSet set = LabelledSet::open(rooms, Task::kClassification);
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"bedroom", "kitchen", "office"}));
  EXPECT_EQ(set.label(0), 1);
  EXPECT_EQ(set.label(1), 2);
  EXPECT_EQ(set.label(5), 0);
  rooms.labels = "scene.rooms";
  EXPECT_NE(
      test::message_of([&] { LabelledSet::open(rooms, Task::kClassification); }).find("the key 'rooms' is missing"),
      std::string::npos);
  rooms.labels = "";
  EXPECT_NE(
      test::message_of([&] { LabelledSet::open(rooms, Task::kClassification); }).find("is in no folder of a class"),
      std::string::npos);
  make_folder(root / "rooms/class");
  for (int i = 0; i < 6; ++i) write_file(root / "rooms/class" / ("00000" + std::to_string(i) + ".txt"), "plain\n");
  rooms.labels = "class";
  EXPECT_EQ(LabelledSet::open(rooms, Task::kClassification).classes(), (std::vector<std::string>{"plain"}));
  // rgb/CLASS/NAME
  for (int c = 0; c < 2; ++c) {
    make_folder(root / "folders/rgb" / ("c" + std::to_string(c)));
    write_png(root / "folders/rgb" / ("c" + std::to_string(c)) / "a.png", test::class_image(c, 0));
  }
  const LabelledSet folders = LabelledSet::open(data("folders"), Task::kClassification);
  EXPECT_EQ(folders.classes(), (std::vector<std::string>{"c0", "c1"}));
  EXPECT_EQ(folders.label(1), 1);
}

TEST_F(LabelledSetTest, Ade20k) {
  test::write_ade20k(root / "ade", "training", 2);
  const LabelledSet set = LabelledSet::open(data("ade", "training"), Task::kSemseg);
  EXPECT_EQ(set.classes().size(), 150u);
  EXPECT_EQ(set.classes()[0], "class 1");
  const LabelledSample sample = set.load(1);
  const Image& map = std::get<Image>(*sample.map);
  const auto [image, labels] = test::two_class_image(1, 2, 1, 0);
  EXPECT_TRUE(std::get<Image>(sample.image) == image);
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x) EXPECT_EQ(*map.at(x, y), y == 0 ? 255 : *labels.at(x, y));
  write_file(root / "ade/objectInfo150.txt",
             "Idx\tRatio\tTrain\tVal\tName\n1\t0.1\t1\t1\twall\n2\t0.1\t1\t1\tbuilding, edifice\n");
  EXPECT_EQ(LabelledSet::open(data("ade", "training"), Task::kSemseg).classes(),
            (std::vector<std::string>{"wall", "building"}));
  const auto broken = LabelledSet::open(data("ade", "training"), Task::kSemseg);
  EXPECT_EQ(test::message_of([&] { broken.load(1); }),
            path("ade/annotations/training/ADE_training_1.png") + ": holds the label 3, expected 0 to 2");
  EXPECT_EQ(test::message_of([&] { LabelledSet::open(data("ade", "val"), Task::kSemseg); }),
            path("ade/images/val") + ": no such folder; it is 'split'");
  fs::remove(root / "ade/annotations/training/ADE_training_0.png");
  EXPECT_NE(
      test::message_of([&] { LabelledSet::open(data("ade", "training"), Task::kSemseg); }).find("has no annotation"),
      std::string::npos);
}

TEST_F(LabelledSetTest, DepthOfScenesAndOfADataSet) {
  test::write_nyu(root / "nyu", 4);
  const LabelledSet scenes = LabelledSet::open(data("nyu"), Task::kDepth);
  ASSERT_EQ(scenes.size(), 4);
  EXPECT_EQ(scenes.name(0), "kitchen_0/rgb_00000");
  const auto depth = std::get<Raster<float>>(*scenes.load(0).map);
  EXPECT_EQ(depth.pixels[0], 0);  // unknown
  EXPECT_FLOAT_EQ(depth.pixels[1], 1);
  test::write_labelled_rooms(root / "rooms", 3);
  EXPECT_FLOAT_EQ(std::get<Raster<float>>(*LabelledSet::open(data("rooms"), Task::kDepth).load(2).map).pixels[1], 3);
  write_png16(root / "nyu/kitchen_0/sync_depth_00000.png", Raster<uint16_t>(4, 4, 1, 1000));
  EXPECT_EQ(test::message_of([&] { scenes.load(0); }),
            path("nyu/kitchen_0/sync_depth_00000.png") + ": is 4x4, its image 40x36");
}

TEST_F(LabelledSetTest, BoxesOfCoco) {
  make_folder(root / "images");
  for (const char* name : {"a.png", "b.png"}) write_png(root / "images" / name, Image(40, 20, 3));
  const Json categories = {{{"id", 3}, {"name", "chair"}}, {{"id", 1}, {"name", "table"}}};
  const Json images = {{{"id", 10}, {"file_name", "a.png"}, {"width", 40}, {"height", 20}},
                       {{"id", 11}, {"file_name", "b.png"}, {"width", 40}, {"height", 20}}};
  const Json objects = {{{"image_id", 10}, {"category_id", 3}, {"bbox", {10, 5, 20, 10}}, {"iscrowd", 0}},
                        {{"image_id", 10}, {"category_id", 1}, {"bbox", {0, 0, 40, 20}}, {"iscrowd", 1}},
                        {{"image_id", 10}, {"category_id", 1}, {"bbox", {5, 5, 0, 4}}}};
  write_json(root / "gt.json", {{"images", images}, {"annotations", objects}, {"categories", categories}});
  LabelledData coco = data("images");
  coco.annotations = path("gt.json");
  const LabelledSet set = LabelledSet::open(coco, Task::kDetection);
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"table", "chair"}));  // in the order of their ids
  const auto found = set.load(0).objects;
  ASSERT_EQ(found.size(), 2u) << "a box without area is left out";
  EXPECT_EQ(found[0].label, 1);
  EXPECT_DOUBLE_EQ(found[0].box.xmin, 0.25);
  EXPECT_DOUBLE_EQ(found[0].box.ymax, 0.75);
  EXPECT_TRUE(found[1].crowd);
  EXPECT_TRUE(set.load(1).objects.empty());
  for (const auto& [text, problem] :
       {std::pair{R"({"images": [], "annotations": []})", "the list 'categories' is missing"},
        {R"([1, 2])", "the list 'categories' is missing"},
        {"{", "gt.json"}}) {
    write_file(root / "gt.json", text);
    const std::string message = test::message_of([&] { LabelledSet::open(coco, Task::kDetection); });
    EXPECT_NE(message.find(problem), std::string::npos) << message;
  }
}

TEST_F(LabelledSetTest, CheckNamesEachFault) {
  test::write_class_folders(root / "train", 3, 2);
  write_file(root / "train/n00001/image_0.png", "not an image");
  make_folder(root / "train/n00003");
  const CheckReport report = check_labelled(data("train"), Task::kClassification);
  ASSERT_EQ(report.faults.size(), 2u);
  EXPECT_EQ(report.faults[0].file, path("train/n00001/image_0.png"));
  EXPECT_EQ(report.faults[1].text(),
            path("train/n00003") + ": holds no image; remove the folder, or put images of the class into it");
  EXPECT_EQ(report.samples, 6);
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_EQ(report.warnings[0].problem, "no sample has the class n00003");
  test::write_labelled_rooms(root / "rooms", 3);
  EXPECT_TRUE(check_labelled(data("rooms"), Task::kSemseg).faults.empty());
  write_png(root / "rooms/semseg/000001.png", Image(40, 36, 1, 7));
  const CheckReport rooms = check_labelled(data("rooms"), Task::kSemseg);
  ASSERT_EQ(rooms.faults.size(), 1u);
  EXPECT_EQ(rooms.faults[0].problem, "holds the label 7, expected at most 2");
}

TEST_F(LabelledSetTest, WhatIsNoSetIsRefused) {
  make_folder(root / "empty");
  EXPECT_EQ(test::message_of([&] { LabelledSet::open(data("nowhere"), Task::kDepth); }),
            path("nowhere") + ": no such file or folder");
  for (const Task task : {Task::kClassification, Task::kDepth})
    EXPECT_NE(
        test::message_of([&] { LabelledSet::open(data("empty"), task); }).find("holds no labelled image; expected"),
        std::string::npos);
}

}  // namespace
}  // namespace fourm
