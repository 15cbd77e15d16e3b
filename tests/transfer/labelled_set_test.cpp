// Each layout that fine-tuning reads, and what it says about broken ones.
#include "fourm/transfer/labelled_set.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "fourm/core/strings.h"
#include "tests/support/labelled_data.h"
#include "tests/support/message_of.h"
#include "tests/support/nyu_mat.h"
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
                ": has the class 'n0002', which is none of the model's (did you mean 'n00002'?); remove it, or train "
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
  const Json objects = {{{"id", 1}, {"image_id", 10}, {"category_id", 3}, {"bbox", {10, 5, 20, 10}}, {"iscrowd", 0}},
                        {{"id", 2}, {"image_id", 10}, {"category_id", 1}, {"bbox", {0, 0, 40, 20}}, {"iscrowd", 1}},
                        {{"id", 3}, {"image_id", 10}, {"category_id", 1}, {"bbox", {5, 5, 0, 4}}}};
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
       {std::pair{R"({"images": [], "annotations": []})", "the key 'categories' is missing"},
        {R"([1, 2])", "expected an object with the key 'images'"},
        {"{", "gt.json"}}) {
    write_file(root / "gt.json", text);
    const std::string message = test::message_of([&] { LabelledSet::open(coco, Task::kDetection); });
    EXPECT_NE(message.find(problem), std::string::npos) << message;
  }
}

TEST_F(LabelledSetTest, TheLabelledFileOfNyu) {
  test::write_nyu_mat(root / "mat", 5, 3);
  LabelledData nyu = data("mat/nyu.mat");
  ASSERT_EQ(LabelledSet::open(nyu, Task::kDepth).size(), 5);
  nyu.split = "train";
  EXPECT_EQ(LabelledSet::open(nyu, Task::kDepth).size(), 3);
  nyu.split = "test";
  const LabelledSet depth = LabelledSet::open(nyu, Task::kDepth), maps = LabelledSet::open(nyu, Task::kSemseg);
  ASSERT_EQ(depth.size(), 2);
  EXPECT_EQ(maps.classes(), (std::vector<std::string>{"wall", "chair", "table"}));
  for (int i = 0; i < 2; ++i) {
    const auto [image, labels] = test::two_class_image((i + 3) % 3, (i + 4) % 3, i + 3, 0);
    const LabelledSample sample = depth.load(i), map = maps.load(i);
    EXPECT_TRUE(std::get<Image>(sample.image) == image);
    const Raster<uint16_t> millimetres = test::depth_of(labels);
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) {
        EXPECT_FLOAT_EQ(*std::get<Raster<float>>(*sample.map).at(x, y),
                        static_cast<float>(*millimetres.at(x, y)) / 1000);
        EXPECT_EQ(*std::get<Image>(*map.map).at(x, y), y == 0 ? 255 : *labels.at(x, y));
      }
  }
  {
    const test::MatWriter mapping(root / "mat/classMapping40.mat", MAT_FT_MAT5);
    mapping.numbers<double>("mapClass", MAT_C_DOUBLE, MAT_T_DOUBLE, {1, 3}, {2, 0, 1});
    mapping.texts("className", {"furniture", "structure"});
  }
  const LabelledSet mapped = LabelledSet::open(nyu, Task::kSemseg);
  EXPECT_EQ(mapped.classes(), (std::vector<std::string>{"furniture", "structure"}));
  const auto before = std::get<Image>(*maps.load(0).map), after = std::get<Image>(*mapped.load(0).map);
  for (size_t i = 0; i < before.pixels.size(); ++i)
    EXPECT_EQ(after.pixels[i], before.pixels[i] == 0 ? 1 : before.pixels[i] == 2 ? 0 : 255);
}

TEST_F(LabelledSetTest, BrokenFilesOfNyuAreNamedInOneLine) {
  test::write_nyu_mat(root / "mat", 4, 2);
  const std::string whole = read_file(root / "mat/nyu.mat");
  const auto said = [&](const std::string& split = "") {
    return test::message_of([&] {
      const LabelledSet set = LabelledSet::open(data("mat/nyu.mat", split), Task::kDepth);
      for (int64_t i = 0; i < set.size(); ++i) set.load(i);
    });
  };
  EXPECT_EQ(said("train"), "no error");
  EXPECT_EQ(said("val"), path("mat/nyu.mat") + ": the split is 'val', expected train or test");
  EXPECT_NE(test::message_of([&] { LabelledSet::open(data("mat/nyu.mat"), Task::kDetection); }).find("tasks depth and"),
            std::string::npos);
  fs::remove(root / "mat/splits.mat");
  EXPECT_EQ(said("train"), path("mat/splits.mat") + ": no such file");
  for (const size_t length : {size_t{0}, size_t{100}, size_t{600}, whole.size() / 2, whole.size() - 1}) {
    write_file(root / "mat/nyu.mat", whole.substr(0, length));
    EXPECT_EQ(said().find(path("mat/nyu.mat") + ": "), 0u) << length << ": " << said();
    EXPECT_EQ(said().find('\n'), std::string::npos);
  }
  const size_t name = whole.find("depths");
  ASSERT_NE(name, std::string::npos);
  std::string renamed = whole;
  renamed[name] = 'D';
  write_file(root / "mat/nyu.mat", renamed);
  EXPECT_EQ(said().find(path("mat/nyu.mat") + ": "), 0u) << said();
  EXPECT_EQ(said().find('\n'), std::string::npos);
  testing::internal::CaptureStderr();
  said();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "the library prints nothing";
}

class CocoFiles : public LabelledSetTest {
 protected:
  CocoFiles() {
    test::write_coco(root / "coco", "val", 8);
    coco.path = path("coco/val");
    coco.annotations = path("coco/annotations/instances_val.json");
    json = read_json(coco.annotations);
  }
  // What opening the set and reading all of it says after a change of the file.
  std::string said(const std::function<void(Json&)>& change, ObjectMasks masks = ObjectMasks::kRequired) const {
    Json changed = json;
    change(changed);
    write_json(coco.annotations, changed);
    return test::message_of([&] {
      const LabelledSet set = LabelledSet::open(coco, Task::kDetection, {}, nullptr, masks);
      for (int64_t i = 0; i < set.size(); ++i) set.load(i);
    });
  }
  LabelledData coco;
  Json json;
};

TEST_F(CocoFiles, MasksOfPolygonsAndRunLengths) {
  const LabelledSet set = LabelledSet::open(coco, Task::kDetection, {}, nullptr, ObjectMasks::kRequired);
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"square", "triangle", "disc"}));
  size_t count = 0;
  for (int64_t i = 0; i < set.size(); ++i)
    for (const auto& object : set.load(i).objects) {
      const Json& annotation = json["annotations"][count++];
      EXPECT_EQ(object.mask->area(), annotation["area"].get<int64_t>());
      EXPECT_NEAR(object.box.xmin * test::kShapesSide, annotation["bbox"][0].get<double>(), 1e-9);
      EXPECT_EQ(set.category_ids()[object.label], annotation["category_id"].get<int64_t>());
    }
  EXPECT_EQ(count, json["annotations"].size());
  EXPECT_TRUE(set.load(7).objects.empty()) << "an image without objects";
  EXPECT_FALSE(LabelledSet::open(coco, Task::kDetection).load(0).objects[0].mask);
}

TEST_F(CocoFiles, BrokenOnesAreNamedInOneLine) {
  EXPECT_EQ(said([](Json&) {}), "no error");
  const auto first = [](const char* key, const Json& value) {
    return [key, value](Json& file) { file["annotations"][0][key] = value; };
  };
  const Json two_points = Json::array({Json::array({1, 2})}), words = Json::array({Json::array({"a", "b", 1, 2})});
  const Json short_runs = {{"size", {64, 64}}, {"counts", {1, 2, 3}}};
  const Json huge = {{"size", {1 << 30, 1 << 30}}, {"counts", "1"}}, small = {{"size", {2, 2}}, {"counts", {0, 4}}};
  const std::vector<std::pair<std::function<void(Json&)>, std::string>> cases{
      {first("segmentation", Json::array()), "expected polygons or run lengths"},
      {first("segmentation", two_points), "a polygon of 2 numbers, expected four or more"},
      {first("segmentation", words), "something that is no number"},
      {first("segmentation", short_runs), "add up to 6, expected 4096"},
      {first("segmentation", huge), "expected at least one and at most 2^31 pixels"},
      {first("segmentation", small), "a mask is 2x2, its image 64x64"},
      {first("segmentation", 7), "expected polygons or run lengths"},
      {first("image_id", "one"), ""},
      {first("category_id", 99), ""},
      {first("category_id", 1.5), "not an integer"},
      {[](Json& file) { file["annotations"][0].erase("segmentation"); }, "the key 'segmentation' is missing"},
      {[](Json& file) { file["annotations"][0].erase("id"); }, "the key 'id' is missing"},
      {[](Json& file) { file["annotations"] = Json::object(); }, "is no list"},
      {[](Json& file) { file["categories"] = Json::array(); }, ""},
      {[](Json& file) { file["categories"][0].erase("name"); }, "a category has no 'name'"},
      {[](Json& file) { file["images"][0].erase("file_name"); }, "an image has no 'file_name'"},
      {[](Json& file) { file["images"][0].erase("width"); }, "height"},
      {[](Json& file) { file["images"][0]["width"] = -4; }, "are not positive"},
      {[](Json& file) { file["images"][0]["width"] = 32; }, "32x64"},
      {[](Json& file) { file["images"][0]["file_name"] = "nowhere.png"; }, "is missing, and"},
      {[](Json& file) { file["images"] = Json::array(); }, "holds no labelled image"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string message = said(cases[i].first);
    EXPECT_NE(message.find(cases[i].second), std::string::npos) << i << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  for (const auto& [box, problem] : {std::pair<Json, const char*>{{1, 2, 3}, "'bbox' has 3 numbers"},
                                     {Json("box"), "is no list of numbers"},
                                     {{1, 2, 3, Json()}, "no number"}})
    EXPECT_NE(said(first("bbox", box), ObjectMasks::kNone).find(problem), std::string::npos);
}

TEST_F(CocoFiles, CrowdsAndEmptyClassesHaveTheirMeaning) {
  EXPECT_EQ(said([](Json& file) {
              file["categories"].push_back({{"id", 90}, {"name", "toothbrush"}});
              file["annotations"][0]["iscrowd"] = 1;
              file["annotations"][0]["segmentation"] = {{"size", {64, 64}}, {"counts", {100, 500, 3496}}};
              file["annotations"][1]["bbox"] = {5, 5, 0, 0};
            }),
            "no error");
  const LabelledSet set = LabelledSet::open(coco, Task::kDetection, {}, nullptr, ObjectMasks::kRequired);
  const LabelledObject crowd = set.load(0).objects[0];
  EXPECT_TRUE(crowd.crowd);
  EXPECT_EQ(crowd.mask->area(), 500);
  const CheckReport report = check_labelled(coco, Task::kDetection, 0, ObjectMasks::kRequired);
  EXPECT_TRUE(report.faults.empty());
  ASSERT_GE(report.warnings.size(), 1u);
  EXPECT_NE(report.warnings.back().problem.find("toothbrush"), std::string::npos);
  test::write_labelled_rooms(root / "rooms", 1);
  EXPECT_NE(test::message_of([&] {
              LabelledSet::open(data("rooms"), Task::kDetection, {}, nullptr, ObjectMasks::kRequired);
            }).find("has boxes without masks, which a mask head learns from; name the COCO JSON"),
            std::string::npos);
}

TEST_F(LabelledSetTest, ClassesOfBoxesAreThoseThatTheDataSetNames) {
  test::write_labelled_rooms(root / "rooms", 2);
  const auto classes = [&] { return LabelledSet::open(data("rooms"), Task::kDetection).classes(); };
  EXPECT_EQ(classes(), (std::vector<std::string>{"wall", "chair", "table"})) << "though there are chairs only";
  const char* other = R"({"instances": [{"boxes": [0.1, 0.2, 0.5, 0.75], "class_name": "piano", "score": 1}]})";
  write_file(root / "rooms/det/000001.json", other);
  EXPECT_EQ(classes(), (std::vector<std::string>{"chair", "piano"}));
  fs::remove(root / "rooms/dataset.yaml");
  EXPECT_EQ(classes(), (std::vector<std::string>{"chair", "piano"}));
}

// As in pre-training.
TEST_F(LabelledSetTest, BoxesOfLowScoresAreNoObjects) {
  test::write_labelled_rooms(root / "rooms", 2);
  write_file(root / "rooms/det/000001.json",
             R"({"instances": [{"boxes": [0.1, 0.2, 0.5, 0.75], "class_name": "chair", "score": 0.9},
                               {"boxes": [0.3, 0.2, 0.5, 0.75], "class_name": "piano", "score": 0.5}]})");
  const LabelledSet set = LabelledSet::open(data("rooms"), Task::kDetection);
  EXPECT_EQ(set.load(1).objects.size(), 1u);
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"wall", "chair", "table"}));
}

TEST_F(LabelledSetTest, KeysThatDoNotApplyAreRefused) {
  test::write_labelled_rooms(root / "rooms", 2);
  const auto refused = [&](Task task, LabelledData set) {
    return test::message_of([&] { LabelledSet::open(set, task); });
  };
  LabelledData split = data("rooms"), annotations = split, labels = split;
  split.split = "val", annotations.annotations = "x.json", labels.labels = "scene.room";
  for (const Task task : {Task::kSemseg, Task::kDepth, Task::kDetection})
    EXPECT_NE(refused(task, split).find("has no folders of splits"), std::string::npos);
  EXPECT_NE(refused(Task::kDepth, annotations).find("'annotations' are for detection"), std::string::npos);
  EXPECT_NE(refused(Task::kDepth, labels).find("'labels' are for classification"), std::string::npos);
}

TEST_F(CocoFiles, MasksAreReadWhereTheFileHasThem) {
  const auto open = [&](const std::function<void(Json&)>& change) {
    Json changed = json;
    change(changed);
    write_json(coco.annotations, changed);
    return LabelledSet::open(coco, Task::kDetection, {}, nullptr, ObjectMasks::kWhereGiven);
  };
  EXPECT_TRUE(open([](Json&) {}).has_masks());
  EXPECT_TRUE(open([](Json& file) { file["annotations"] = Json::array(); }).has_masks()) << "there is none to miss";
  for (const bool empty : {true, false}) {
    const LabelledSet boxes = open([&](Json& file) {
      for (auto& annotation : file["annotations"])
        if (empty)
          annotation["segmentation"] = Json::array();
        else
          annotation.erase("segmentation");
    });
    EXPECT_FALSE(boxes.has_masks());
    EXPECT_FALSE(boxes.load(0).objects.at(0).mask);
  }
  EXPECT_NE(test::message_of([&] {
              open([](Json& file) { file["annotations"][1].erase("segmentation"); });
            }).find("annotations[1]: the key 'segmentation' is missing"),
            std::string::npos);
  test::write_labelled_rooms(root / "rooms", 1);
  EXPECT_FALSE(LabelledSet::open(data("rooms"), Task::kDetection, {}, nullptr, ObjectMasks::kWhereGiven).has_masks());
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

// A sample of a data set without a map is none of the set; a missing file of other layouts is named.
TEST_F(LabelledSetTest, MissingMaps) {
  test::write_labelled_rooms(root / "rooms", 3);
  fs::remove(root / "rooms/semseg/000001.png");
  fs::remove(root / "rooms/depth/000002.png");
  for (const Task task : {Task::kSemseg, Task::kDepth}) EXPECT_EQ(LabelledSet::open(data("rooms"), task).size(), 2);
  test::write_nyu(root / "nyu", 3);
  const fs::path map = root / "nyu/kitchen_1/sync_depth_00001.png";
  fs::remove(map);
  EXPECT_EQ(test::message_of([&] { LabelledSet::open(data("nyu"), Task::kDepth); }),
            path("nyu/kitchen_1/rgb_00001.png") + ": has no depth " + map.string() + "; add it, or remove the image");
  fs::remove_all(root / "rooms/semseg");
  EXPECT_NE(test::message_of([&] { LabelledSet::open(data("rooms"), Task::kSemseg); }).find("has no folder semseg"),
            std::string::npos);
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
