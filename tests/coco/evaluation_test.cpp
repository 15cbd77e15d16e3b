// COCO's numbers against pycocotools (pycocotools_values.py), and what broken files give.
#include "fourm/coco/evaluation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "fourm/core/error.h"
#include "tests/coco/random_set.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

using test::CapturedLog;
using test::message_of;
using test::TemporaryFolder;

const fs::path kHere = fs::path(FOURM_SOURCE_DIR) / "tests/coco";

class CocoEvaluation : public testing::Test {
 protected:
  DetectionScores scores(const Json& truth, const std::vector<Json>& predictions, CocoKind kind = CocoKind::kBoxes) {
    std::ofstream(folder_ / "truth.json") << truth;
    std::ofstream(folder_ / "predictions.json") << Json(predictions);
    const CocoTruth read = CocoTruth::read(folder_ / "truth.json", kind);
    return evaluate_detections(read, read_coco_predictions(folder_ / "predictions.json", read));
  }

  std::string message(const Json& truth, const std::vector<Json>& predictions, CocoKind kind = CocoKind::kBoxes) {
    std::string text = message_of([&] { scores(truth, predictions, kind); });
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    if (text.starts_with(folder_.path().string())) text = text.substr(folder_.path().string().size() + 1);
    return text;
  }

  TemporaryFolder folder_;
};

int64_t lines_of(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

// One image of 100 x 100 pixels with one object of class 1.
Json small_truth() {
  return {{"images", {{{"id", 5}, {"height", 100}, {"width", 100}}}},
          {"annotations",
           {{{"id", 1},
             {"image_id", 5},
             {"category_id", 1},
             {"bbox", {10, 10, 40, 40}},
             {"segmentation", {{10, 10, 50, 10, 50, 50, 10, 50}}},
             {"area", 1600},
             {"iscrowd", 0}}}},
          {"categories", {{{"id", 1}}, {{"id", 2}}}}};
}

Json prediction(double score = 0.5) {
  return {{"image_id", 5}, {"category_id", 1}, {"bbox", {10, 10, 40, 40}}, {"score", score}};
}

TEST_F(CocoEvaluation, ScoresOfRandomSetsEqualThoseOfPycocotools) {
  std::ifstream expected(kHere / "pycocotools_scores.txt");
  int64_t compared = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const RandomSet set(seed);
    for (const CocoKind kind : {CocoKind::kBoxes, CocoKind::kMasks}) {
      const DetectionScores found =
          scores(set.truth, (kind == CocoKind::kBoxes ? set.boxes : set.masks).get<std::vector<Json>>(), kind);
      for (const auto& [name, value] : kDetectionScores) {
        double number = 0;
        ASSERT_TRUE(expected >> number);
        EXPECT_NEAR(found.*value, number, 1e-6)
            << name << " of set " << seed << (kind == CocoKind::kBoxes ? " bbox" : " segm");
        compared += number > 0 && number < 1;
      }
    }
  }
  EXPECT_GT(compared, 2500);
}

TEST_F(CocoEvaluation, JsonHasCocosKeys) {
  const Json json = to_json(scores(small_truth(), {prediction()}));
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs",
                                            "ARm", "ARl"}));
  EXPECT_NEAR(json["AP"], 1, 1e-9);
  EXPECT_NEAR(json["APm"], 1, 1e-9);
  EXPECT_EQ(json["APs"], -1) << "no small object";
}

TEST_F(CocoEvaluation, WithoutPredictionsNothingIsFound) {
  const DetectionScores none = scores(small_truth(), {});
  EXPECT_EQ(none.ap, 0);
  EXPECT_EQ(none.ar100, 0);
  EXPECT_EQ(none.ap_large, -1);
}

TEST_F(CocoEvaluation, WithoutObjectsNothingIsDefined) {
  Json truth = small_truth();
  truth["annotations"] = Json::array();
  for (const auto& [name, value] : kDetectionScores) EXPECT_EQ(scores(truth, {prediction()}).*value, -1) << name;
  truth["images"] = Json::array();
  truth["categories"] = Json::array();
  EXPECT_EQ(scores(truth, {}).ap, -1);
}

TEST_F(CocoEvaluation, ACrowdHidesWhatLiesInIt) {
  Json truth = small_truth();
  truth["annotations"].push_back(truth["annotations"][0]);
  truth["annotations"][1]["id"] = 2;
  truth["annotations"][1]["iscrowd"] = 1;
  truth["annotations"][1]["bbox"] = {60, 0, 40, 100};
  Json inside = prediction(0.9), outside = prediction(0.9);
  inside["bbox"] = {70, 40, 10, 10};
  outside["bbox"] = {0, 70, 10, 10};
  EXPECT_NEAR(scores(truth, {inside, inside, prediction(0.5)}).ap, 1, 1e-9);
  EXPECT_NEAR(scores(truth, {outside, prediction(0.5)}).ap, 0.5, 1e-9);
}

TEST_F(CocoEvaluation, AreaAndCrowdMayBeMissing) {
  Json truth = small_truth();
  truth["annotations"][0].erase("area");
  truth["annotations"][0].erase("iscrowd");
  for (const CocoKind kind : {CocoKind::kBoxes, CocoKind::kMasks}) {
    EXPECT_NEAR(scores(truth, {prediction()}, kind).ap_medium, 1, 1e-9);
    EXPECT_EQ(scores(truth, {prediction()}, kind).ap_small, -1);
  }
}

TEST_F(CocoEvaluation, IdsMayBeTexts) {
  Json truth = small_truth(), found = prediction();
  truth["images"][0]["id"] = truth["annotations"][0]["image_id"] = found["image_id"] = "a.jpg";
  EXPECT_NEAR(scores(truth, {found}).ap, 1, 1e-9);
  truth["images"].push_back({{"id", 7}});
  EXPECT_EQ(message(truth, {found}), "truth.json: ids of images are numbers or texts, not both");
}

TEST_F(CocoEvaluation, AnObjectOfIdZeroIsNeverFoundAsInPycocotools) {
  Json truth = small_truth();
  truth["annotations"][0]["id"] = 0;
  const CapturedLog log;
  EXPECT_EQ(scores(truth, {prediction()}).ap, 0);
  EXPECT_EQ(lines_of(log.warnings()), 1);
}

TEST_F(CocoEvaluation, WhatTheTruthDoesNotListIsPassedOver) {
  Json truth = small_truth(), other = prediction(0.9);
  truth["annotations"].push_back(truth["annotations"][0]);
  truth["annotations"][1]["id"] = 2;
  truth["annotations"][1]["category_id"] = 9;
  other["category_id"] = 9;
  const CapturedLog log;
  EXPECT_NEAR(scores(truth, {other, prediction()}).ap, 1, 1e-9);
  EXPECT_EQ(lines_of(log.warnings()), 2);
}

TEST_F(CocoEvaluation, TheFirstPredictionDecidesWhatTheAreaIs) {
  // A box of 40 x 40 around a mask of 10 x 10: a medium object by its box, a small one by its mask.
  Json truth = small_truth(), both = prediction();
  truth["annotations"][0]["area"] = 2000;
  both["segmentation"] = {{60, 60, 70, 60, 70, 70, 60, 70}};
  Json mask = both;
  mask.erase("bbox");
  Json right = small_truth()["annotations"][0];
  right["score"] = 0.1;
  right.erase("bbox");
  Json right_and_box = right;
  right_and_box["bbox"] = {10, 10, 40, 40};
  EXPECT_NEAR(scores(truth, {both, right_and_box}, CocoKind::kMasks).ap_medium, 0.5, 1e-9);
  EXPECT_NEAR(scores(truth, {mask, right}, CocoKind::kMasks).ap_medium, 1, 1e-9);
}

TEST_F(CocoEvaluation, BrokenFilesGiveOneLine) {
  const Json good = small_truth();
  const auto without = [&](const std::string& key) {
    Json truth = good;
    truth.erase(key);
    return message(truth, {prediction()});
  };
  EXPECT_EQ(without("categories"), "truth.json: the key 'categories' is missing");
  EXPECT_EQ(without("images"), "truth.json: the key 'images' is missing");
  EXPECT_EQ(without("annotations"), "truth.json: the key 'annotations' is missing");
  const auto with = [&](const std::string& key, const Json& value, CocoKind kind = CocoKind::kBoxes) {
    Json truth = good;
    truth["annotations"][0][key] = value;
    return message(truth, {prediction()}, kind);
  };
  const std::string here = "truth.json: annotations[0]: ";
  EXPECT_EQ(with("bbox", {1, 2, 3}), here + "'bbox' has 3 numbers, expected x, y, width and height");
  EXPECT_EQ(with("bbox", {1, 2, 3, "4"}), here + "the key 'bbox' holds something that is no number");
  EXPECT_EQ(with("area", Json()), here + "the key 'area' holds something that is no number");
  EXPECT_EQ(with("id", 1.5), here + "the key 'id' is not an integer in range");
  EXPECT_EQ(with("bbox", Json::array()), here + "'bbox' has 0 numbers, expected x, y, width and height");
  EXPECT_EQ(with("segmentation", Json::array(), CocoKind::kMasks),
            here + "'segmentation': expected polygons or run lengths");
  EXPECT_EQ(with("segmentation", {{1, 2}}, CocoKind::kMasks),
            here + "'segmentation': a polygon of 2 numbers, expected four or more: x0, y0, x1, y1, ...");
  EXPECT_EQ(
      with("segmentation", {{"size", {10, 10}}, {"counts", {99}}}, CocoKind::kMasks),
      here + "'segmentation': the run lengths of a mask add up to 99, expected 100, the pixels of its size 10 x 10");
  EXPECT_EQ(with("segmentation", {{"size", {10, 10}}, {"counts", "`"}}, CocoKind::kMasks),
            here + "'segmentation': the run lengths of a mask are cut off");
  EXPECT_EQ(with("segmentation", {{"size", {10, 10}}, {"counts", "\x01"}}, CocoKind::kMasks),
            here + "'segmentation': the run lengths of a mask hold another character than those from '0' to 'o'");
  EXPECT_EQ(with("segmentation", {{"counts", {100}}}, CocoKind::kMasks), here + "the key 'size' is missing");

  Json truth = good;
  truth["annotations"].push_back(truth["annotations"][0]);
  EXPECT_EQ(message(truth, {prediction()}), "truth.json: annotations[1]: the id 1 occurs twice");
  truth = good;
  truth["images"][0].erase("height");
  EXPECT_EQ(message(truth, {prediction()}, CocoKind::kMasks),
            here + "'segmentation': a polygon needs 'height' and 'width' of image 5");
}

TEST_F(CocoEvaluation, BrokenPredictionsGiveOneLine) {
  const Json truth = small_truth();
  write_json(folder_ / "truth.json", truth);
  write_json(folder_ / "object.json", Json{{"a", 1}});
  const CocoTruth read = CocoTruth::read(folder_ / "truth.json", CocoKind::kBoxes);
  EXPECT_TRUE(message_of([&] {
                read_coco_predictions(folder_ / "object.json", read);
              }).ends_with("object.json: expected a list of predictions"));
  const auto with = [&](const std::string& key, const Json& value) {
    Json found = prediction();
    if (value.is_null())
      found.erase(key);
    else
      found[key] = value;
    return message(truth, {prediction(), found});
  };
  const std::string here = "predictions.json: predictions[1]: ";
  EXPECT_EQ(with("image_id", 6), here + "the image 6 is not in the ground truth");
  EXPECT_EQ(with("image_id", "5"), here + "the image '5' is not in the ground truth");
  EXPECT_EQ(with("score", Json()), here + "the key 'score' is missing");
  EXPECT_EQ(with("score", "high"), here + "the key 'score' holds something that is no number");
  EXPECT_EQ(with("bbox", Json()), here + "the key 'bbox' is missing");
  EXPECT_EQ(with("category_id", Json()), here + "the key 'category_id' is missing");
  Json neither = prediction();
  neither.erase("bbox");
  EXPECT_EQ(message(truth, {neither}), "predictions.json: predictions[0]: has no 'segmentation' and no 'bbox'");
}

}  // namespace
}  // namespace fourm
