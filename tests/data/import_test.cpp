// Made data in the layouts of DIODE and of COCO's panoptic labels.
#include "fourm/data/import.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/json.h"
#include "fourm/data/data_facts.h"
#include "fourm/io/image.h"
#include "fourm/io/npy.h"
#include "fourm/modality/depth.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

constexpr int kWidth = 64, kHeight = 48;

// A corridor along the axis of the camera: two walls, floor and ceiling, and an end wall at 6 metres.
struct Corridor {
  std::vector<float> depth, normals;  // [48, 64], [48, 64, 3] with x right, y up, z toward the viewer
  Corridor() {
    for (int y = 0; y < kHeight; ++y)
      for (int x = 0; x < kWidth; ++x) {
        const double u = (x + 0.5 - kWidth / 2.0) / 40, v = (y + 0.5 - kHeight / 2.0) / 40;
        const double walls = 1.5 / std::abs(u), floors = 1.2 / std::abs(v);
        depth.push_back(static_cast<float>(std::min({6.0, walls, floors})));
        std::array<float, 3> normal{0, 0, 1};
        if (walls < 6 && walls <= floors) normal = {u < 0 ? 1.0F : -1.0F, 0, 0};
        if (floors < 6 && floors < walls) normal = {0, v < 0 ? -1.0F : 1.0F, 0};
        normals.insert(normals.end(), normal.begin(), normal.end());
      }
  }
};

class DiodeTest : public testing::Test {
 protected:
  // Writes two scans, an axis of whose normals is multiplied by each of the signs.
  void write(const std::array<float, 3>& signs) const {
    for (const char* place : {"indoors/scene_00019/scan_00183/00019_00183_indoors_000_010",
                              "outdoor/scene_00022/scan_00193/00022_00193_outdoor_180_020"}) {
      Corridor made;
      std::vector<float> mask(made.depth.size(), 1);
      for (int x = 0; x < kWidth; ++x) {  // the first row is not known
        mask[x] = 0;
        made.depth[x] = x == 3 ? INFINITY : 99.0F;
        for (int c = 0; c < 3; ++c) made.normals[3 * x + c] = 0;
      }
      for (size_t i = 0; i < made.normals.size(); ++i) made.normals[i] *= signs[i % 3];
      const std::string name = place;
      make_folder((root / "val" / name).parent_path());
      make_folder((root / "val_normals" / name).parent_path());
      write_png(root / "val" / (name + ".png"), Image(kWidth, kHeight, 3, 90));
      write_npy(root / "val" / (name + "_depth.npy"), npy_from_floats(made.depth, {kHeight, kWidth, 1}));
      write_npy(root / "val" / (name + "_depth_mask.npy"), npy_from_floats(mask, {kHeight, kWidth}));
      write_npy(root / "val_normals" / (name + "_normal.npy"), npy_from_floats(made.normals, {kHeight, kWidth, 3}));
    }
  }
  int64_t import() const { return import_diode(root / "val", root / "val_normals", root / "out"); }

  const std::string first = "00019_00183_indoors_000_010";
  test::TemporaryFolder root;
};

TEST_F(DiodeTest, AxesFitTheDepthWhateverTheirSigns) {
  const Corridor made;
  for (int turned = 0; turned < 8; ++turned) {
    const test::CapturedLog log;
    write({turned & 1 ? -1.0F : 1.0F, turned & 2 ? -1.0F : 1.0F, turned & 4 ? -1.0F : 1.0F});
    EXPECT_EQ(import(), 2);
    const Image normals = decode_normals(read_file(root / "out/normal" / (first + ".png")), "normals");
    for (size_t i = 0; i < normals.pixels.size(); ++i) {
      const int expected = i < size_t{3} * kWidth ? 0 : static_cast<int>(std::lround((made.normals[i] + 1) / 2 * 255));
      ASSERT_EQ(normals.pixels[i], expected) << turned << " " << i;
    }
    EXPECT_EQ(log.text().find("turned") != std::string::npos, turned > 0) << log.text();
  }
}

TEST_F(DiodeTest, DepthIsKnownWhereTheMaskSaysSo) {
  write({1, 1, 1});
  import();
  const Raster<float> depth = decode_depth(read_file(root / "out/depth" / (first + ".npy")), "depth");
  const Corridor made;
  for (size_t i = 0; i < depth.pixels.size(); ++i) EXPECT_EQ(depth.pixels[i], i < kWidth ? 0 : made.depth[i]) << i;
  const Source set = Source::open((root / "out").string());
  EXPECT_EQ(set.size(), 2);
  for (const char* modality : {"rgb", "depth", "normal"}) EXPECT_TRUE(set.has(1, modality)) << modality;
}

TEST_F(DiodeTest, WhatIsMissingOrOfAnotherSizeIsNamed) {
  write({1, 1, 1});
  const auto said = [&] { return test::message_of([&] { import(); }); };
  const fs::path scan = root / "val/indoors/scene_00019/scan_00183";
  write_npy(scan / (first + "_depth_mask.npy"), npy_from_floats(std::vector<float>(4), {2, 2}));
  EXPECT_NE(said().find("_depth_mask.npy: is of another size than"), std::string::npos) << said();
  fs::remove(scan / (first + "_depth_mask.npy"));
  EXPECT_NE(said().find("_depth_mask.npy: no such file"), std::string::npos) << said();
  EXPECT_NE(test::message_of([&] {
              import_diode(root / "val", root / "val", root / "out");
            }).find("the normals of DIODE are an archive of their own (--normals)"),
            std::string::npos);
  make_folder(root / "empty");
  EXPECT_NE(test::message_of([&] {
              import_diode(root / "empty", root / "empty", root / "out");
            }).find("holds no image NAME.png"),
            std::string::npos);
}

class PanopticTest : public testing::Test {
 protected:
  // An image whose left half is a cat, its right half grass but for a pixel without a segment.
  PanopticTest() {
    make_folder(root / "val2017");
    make_folder(root / "annotations/panoptic_val2017");
    write_png(root / "val2017/000000000139.png", Image(4, 2, 3, 60));
    Image map(4, 2, 3);
    for (int y = 0; y < 2; ++y)
      for (int x = 0; x < 4; ++x) {
        const Colour colour = x < 2 ? Colour{7, 1, 0} : Colour{0, 0, 2};  // 7 + 256, and 2 * 65536
        std::copy(colour.begin(), colour.end(), map.at(x, y));
      }
    std::fill_n(map.at(3, 1), 3, uint8_t{0});
    write_png(root / "annotations/panoptic_val2017/000000000139.png", map);
    json = {{"images", Json::array({Json{{"id", 139}, {"file_name", "000000000139.png"}}})},
            {"categories", Json::array({Json{{"id", 193}, {"name", "grass"}, {"isthing", 0}},
                                        Json{{"id", 17}, {"name", "cat"}, {"isthing", 1}},
                                        Json{{"id", 1}, {"name", "person"}, {"isthing", 1}}})},
            {"annotations",
             Json::array({Json{{"image_id", 139},
                               {"file_name", "000000000139.png"},
                               {"segments_info", Json::array({Json{{"id", 263}, {"category_id", 17}},
                                                              Json{{"id", 131072}, {"category_id", 193}}})}}})}};
  }
  int64_t import(const Json& changed) const {
    write_json(root / "annotations/panoptic_val2017.json", changed);
    return import_coco_panoptic(root / "val2017", root / "annotations/panoptic_val2017.json", root / "out");
  }
  std::string said(const std::function<void(Json&)>& change) const {
    Json changed = json;
    change(changed);
    return test::message_of([&] { import(changed); });
  }
  test::TemporaryFolder root;
  Json json;
};

TEST_F(PanopticTest, LabelsAreThePlacesOfCategories) {
  EXPECT_EQ(import(json), 1);
  const Raster<uint8_t> labels = decode_labels(read_file(root / "out/semseg/000000000139.png"), "labels");
  EXPECT_EQ(labels.pixels, (std::vector<uint8_t>{1, 1, 2, 2, 1, 1, 2, 255}));
  EXPECT_EQ(read_class_names(root / "out"), (std::vector<std::string>{"person", "cat", "grass"}));
  EXPECT_EQ(read_image(root / "out/rgb/000000000139.png"), Image(4, 2, 3, 60));
}

TEST_F(PanopticTest, BrokenFilesAreNamedInOneLine) {
  const std::vector<std::pair<std::function<void(Json&)>, std::string>> cases{
      {[](Json& file) { file["annotations"][0]["segments_info"].erase(0); }, "has the segment 263, which"},
      {[](Json& file) { file["annotations"][0]["segments_info"][0]["category_id"] = 5; },
       "the category 5 is not among"},
      {[](Json& file) { file["annotations"][0]["image_id"] = 5; }, "its image is not among 'images'"},
      {[](Json& file) { file["annotations"][0].erase("file_name"); }, "the key 'file_name' is missing"},
      {[](Json& file) { file["annotations"][0]["file_name"] = "x.png"; }, "panoptic_val2017/x.png"},
      {[](Json& file) { file["annotations"] = Json::array(); }, "has no annotations"},
      {[](Json& file) { file["categories"] = Json::array(); }, "has 0 categories"},
      {[](Json& file) { file["images"][0]["file_name"] = 7; }, "holds no text"},
  };
  for (const auto& [change, problem] : cases) {
    const std::string message = said(change);
    EXPECT_NE(message.find(problem), std::string::npos) << problem << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  write_png(root / "val2017/000000000139.png", Image(5, 2, 3));
  EXPECT_NE(said([](Json&) {}).find("is of another size than its map"), std::string::npos);
}

}  // namespace
}  // namespace fourm
