// Measures against values counted by hand.
#include "fourm/transfer/measure.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/transfer/predict.h"
#include "tests/support/captured_log.h"
#include "tests/support/labelled_data.h"
#include "tests/support/message_of.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class MeasureTest : public testing::Test {
 protected:
  // A model of a new encoder whose head is zero: every class is as likely, every depth the mean.
  TransferModel model(const char* task, std::vector<std::string> classes, bool masks = false) const {
    EncoderConfig encoder;
    encoder.domains_in = {"rgb@32"};
    encoder.dim = 8, encoder.num_heads = 2, encoder.encoder_depth = 1;
    ModalityTable table;
    table.extend("modalities: {rgb@32: {kind: pixels, image_size: 32, patch_size: 8}}", "test");
    const EncoderPart part = encoder_part(encoder, table, "", 0);
    TransferConfig config;
    config.task = task;
    config.input = part.input;
    config.encoder = part.config;
    config.classes = std::move(classes);
    config.head.width = 4, config.head.depth = 1, config.head.hidden = 8, config.head.masks = masks;
    config.depth_mean = 2;
    config.fit = "stretch";
    return TransferModel::create(config, part.table, 1);
  }
  test::TemporaryFolder root;
};

TEST_F(MeasureTest, ClassesOfAModelThatKnowsNothing) {
  test::write_class_folders(root / "set", 3, 4);
  const LabelledSet set = LabelledSet::open({(root / "set").string(), "", "", ""}, Task::kClassification);
  TransferModel untrained = model("classification", set.classes());
  const auto even = measure(untrained, set, {});
  EXPECT_EQ(even.at("top1"), 0);
  EXPECT_EQ(even.at("top5"), 1);
  EXPECT_NEAR(even.at("loss"), std::log(3), 1e-5);
  untrained.parameters().find("head.classes.bias")[1] += 2;  // always the second class
  const auto second = measure(untrained, set, {.batch = 5, .flip = true});
  EXPECT_NEAR(second.at("top1"), 1 / 3.0, 1e-9);
  const double sum = std::exp(2) + 2;
  EXPECT_NEAR(second.at("loss"), (2 * std::log(sum) + std::log(sum) - 2) / 3, 1e-5);
  EXPECT_NEAR(measure(untrained, set, {.count = 4}).at("top1"), 0, 1e-9);
  test::in_ranks(2, [&](const ProcessGroup& group) {
    for (const auto& [name, value] : measure(untrained, set, {.batch = 5}, group))
      EXPECT_NEAR(value, second.at(name), 1e-5) << name;
  });
}

TEST_F(MeasureTest, NoClassOfAModelWithoutNumbersIsRight) {
  test::write_class_folders(root / "set", 3, 4);
  const LabelledSet set = LabelledSet::open({(root / "set").string(), "", "", ""}, Task::kClassification);
  TransferModel broken = model("classification", set.classes());
  broken.parameters().find("head.classes.bias").fill_(NAN);
  EXPECT_EQ(measure(broken, set, {}).at("top1"), 0);
  EXPECT_EQ(measure(broken, set, {}).at("top5"), 0);
}

TEST_F(MeasureTest, LabelsOfOneClassEverywhere) {
  test::write_labelled_rooms(root / "rooms", 6);
  const LabelledSet set = LabelledSet::open({(root / "rooms").string(), "", "", ""}, Task::kSemseg);
  TransferModel one = model("semseg", set.classes());
  one.parameters().find("head.out.bias")[2] += 1;
  const auto measures = measure(one, set, {}, {}, /*by_class=*/true);
  // Each class is a third of the pixels; the third class is predicted everywhere.
  EXPECT_NEAR(measures.at("pixel_accuracy"), 1 / 3.0, 1e-9);
  EXPECT_NEAR(measures.at("mIoU"), 1 / 9.0, 1e-9);
  EXPECT_NEAR(measures.at("mAcc"), 1 / 3.0, 1e-9);
  EXPECT_NEAR(measures.at("IoU table"), 1 / 3.0, 1e-9);
  EXPECT_EQ(measures.at("IoU wall"), 0);
  test::in_ranks(2, [&](const ProcessGroup& group) {
    for (const auto& [name, value] : measure(one, set, {.batch = 2}, group, /*by_class=*/true))
      EXPECT_NEAR(value, measures.at(name), 1e-5) << name;
  });
  for (int i = 0; i < 6; ++i)
    write_png(root / "rooms/semseg" / ("00000" + std::to_string(i) + ".png"), Image(40, 36, 1, 255));
  EXPECT_NE(test::message_of([&] { measure(one, set, {}); }).find("no pixel of the set has a label"),
            std::string::npos);
}

TEST_F(MeasureTest, DepthOfTheMeanEverywhere) {
  test::write_labelled_rooms(root / "rooms", 3);  // 1, 2 and 3 metres
  const LabelledSet set = LabelledSet::open({(root / "rooms").string(), "", "", ""}, Task::kDepth);
  const auto measures = measure(model("depth", {}), set, {});
  EXPECT_NEAR(measures.at("delta1"), 1 / 3.0, 1e-6);
  EXPECT_NEAR(measures.at("delta2"), 2 / 3.0, 1e-6);  // 3 / 2 < 1.5625
  EXPECT_NEAR(measures.at("delta3"), 2 / 3.0, 1e-6);  // 2 / 1 > 1.953
  EXPECT_NEAR(measures.at("abs_rel"), (1 + 0 + 1 / 3.0) / 3, 1e-6);
  EXPECT_NEAR(measures.at("rmse"), 2 / 3.0, 1e-6);
  EXPECT_NEAR(measures.at("log10"), (std::log10(2) + std::log10(1.5)) / 3, 1e-6);
  const TransferModel untrained = model("depth", {});
  test::in_ranks(2, [&](const ProcessGroup& group) {
    for (const auto& [name, value] : measure(untrained, set, {.batch = 2}, group))
      EXPECT_NEAR(value, measures.at(name), 1e-6) << name;
  });
  EXPECT_NEAR(measure(model("depth", {}), set, {.max_depth = 2.5}).at("rmse"), 0.5, 1e-6);  // 3 m is not counted
}

// Sets in which there is nothing to find, or nothing but crowds, have the measure 0.
TEST_F(MeasureTest, ObjectsOfSetsWithoutAny) {
  test::write_coco(root / "coco", "val", 1, 8);  // without objects
  LabelledData data{(root / "coco/val").string(), "", (root / "coco/annotations/instances_val.json").string(), ""};
  const auto measured = [&] {
    const LabelledSet set = LabelledSet::open(data, Task::kDetection, {}, nullptr, ObjectMasks::kRequired);
    return measure(model("detection", set.classes(), true), set, {});
  };
  for (const char* name : {"AP", "AP50", "AP75", "mask_AP", "mask_AP50", "mask_AP75"})
    EXPECT_EQ(measured().at(name), 0) << name;
  Json json = read_json(data.annotations);
  json["annotations"].push_back({{"id", 1},
                                 {"image_id", 8},
                                 {"category_id", 1},
                                 {"bbox", {0, 0, 64, 64}},
                                 {"segmentation", {{"size", {64, 64}}, {"counts", {0, 4096}}}},
                                 {"iscrowd", 1}});
  write_json(data.annotations, json);
  EXPECT_EQ(measured().at("AP"), 0);
}

// A model with a mask head on a set of boxes: the same measures of boxes as on the set with masks, and none of masks.
TEST_F(MeasureTest, BoxesOfAModelWithMasksNeedNoMasks) {
  test::write_coco(root / "coco", "val", 6);
  const fs::path file = root / "coco/annotations/instances_val.json";
  LabelledData data{(root / "coco/val").string(), "", file.string(), ""};
  TransferModel boxes = model("detection", {"square", "triangle", "disc"}, true);
  for (const char* stage : {"0", "1", "2"})  // everything is a square, of half the side of its anchor
    boxes.parameters().find(concat("head.stages.", stage, ".classes.bias"))[0] += 9;
  boxes.parameters().find("head.rpn_deltas.bias").view({3, 4}).slice(1, 2).fill_(std::log(0.5));
  boxes.save(root / "model");
  const Predictor predictor = Predictor::open(root / "model");
  const auto with_masks = predictor.evaluate(data, {}, false);
  EXPECT_EQ(with_masks.size(), 6u);
  Json json = read_json(file);
  for (auto& annotation : json["annotations"]) annotation.erase("segmentation");
  write_json(file, json);
  const test::CapturedLog log;
  const auto without = predictor.evaluate(data, {}, false);
  EXPECT_EQ(without.size(), 3u);
  EXPECT_GT(without.at("AP50"), 0);
  for (const char* name : {"AP", "AP50", "AP75"}) EXPECT_NEAR(without.at(name), with_masks.at(name), 0.02) << name;
  EXPECT_NE(log.text().find("has no masks of objects; boxes alone are measured"), std::string::npos) << log.text();
}

TEST(EigenCrop, KeepsThePartThatMeasuresOfNyuCount) {
  Raster<float> depth(640, 480, 1, 1);
  apply_eigen_crop(depth);
  double sum = 0;
  for (const float v : depth.pixels) sum += v;
  EXPECT_EQ(sum, (471 - 45) * (601 - 41));
  EXPECT_EQ(*depth.at(41, 45), 1);
  EXPECT_EQ(*depth.at(40, 45), 0);
  EXPECT_EQ(*depth.at(600, 470), 1);
  EXPECT_EQ(*depth.at(601, 470), 0);
}

}  // namespace
}  // namespace fourm
