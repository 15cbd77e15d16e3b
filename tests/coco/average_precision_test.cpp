// Average precision against numbers worked out by hand.
#include "fourm/coco/average_precision.h"

#include <gtest/gtest.h>

#include "fourm/coco/rle_mask.h"

namespace fourm {
namespace {

struct Scored {
  PixelBox box;
  double score = 1;
};

ObjectMatches matches(const std::vector<Scored>& predictions, const std::vector<PixelBox>& truths) {
  ClassObjects objects;
  std::vector<double> scores;
  for (const auto& prediction : predictions) scores.push_back(prediction.score);
  for (const auto& truth : truths) objects.truths.push_back({truth[2] * truth[3]});
  for (const size_t i : best_predictions(scores)) {
    const PixelBox& box = predictions[i].box;
    objects.predictions.push_back({predictions[i].score, box[2] * box[3]});
    for (const auto& truth : truths) objects.overlaps.push_back(intersection_over_union(box, truth));
  }
  return ObjectMatches(objects);
}

PrecisionRecall of(const std::vector<ObjectMatches>& images, ObjectSize size = ObjectSize::kAll, int64_t most = 100) {
  std::vector<const ObjectMatches*> all;
  for (const auto& image : images) all.push_back(&image);
  return PrecisionRecall(all, size, most);
}

// Boxes side by side that share nothing.
Scored place(int i, double score = 1) { return {{40.0 * i, 0, 40, 40}, score}; }

TEST(AveragePrecision, AreaUnderTheEnvelope) {
  // Over two images, highest score first: correct (precision 1, recall 1/3), wrong, correct (2/3, 2/3). One of three is
  // missed. Of the recalls 0, 0.01 ... 1 there are 34 up to 1/3 and 33 more up to 2/3.
  const auto found = of({matches({place(0, 0.9), place(5, 0.8)}, {place(0).box, place(1).box}),
                         matches({place(0, 0.7)}, {place(0).box})});
  EXPECT_NEAR(found.precision[0], (34 + 33 * 2.0 / 3) / 101, 1e-12);
  EXPECT_NEAR(found.recall[0], 2.0 / 3, 1e-12);
}

TEST(AveragePrecision, PrecisionIsTheBestAtThatRecallOrAbove) {
  // Wrong, correct, correct of two: 1/2 and 2/3, so 2/3 for both halves.
  const auto found = of({matches({place(5, 0.9), place(0, 0.8), place(1, 0.7)}, {place(0).box, place(1).box})});
  EXPECT_NEAR(found.precision[9], 2.0 / 3, 1e-12);
}

TEST(AveragePrecision, AnObjectIsFoundOnce) {
  const auto found = of({matches({place(0, 0.9), place(0, 0.8), place(1, 0.7)}, {place(0).box, place(1).box})});
  EXPECT_NEAR(found.precision[0], (51 + 50 * 2.0 / 3) / 101, 1e-12);
}

TEST(AveragePrecision, TheOverlapCounts) {
  // Seven tenths of the object: found at the thresholds up to 0.7.
  const auto found = of({matches({{{0, 0, 40, 28}}}, {place(0).box})});
  for (size_t i = 0; i < kIouThresholds; ++i) EXPECT_EQ(found.recall[i], i <= 4 ? 1 : 0) << i;
}

TEST(AveragePrecision, TheBestOverlapIsTaken) {
  // Both objects overlap the first prediction enough; it takes the nearer one, the second prediction the other.
  const std::vector<PixelBox> truths{{0, 0, 24, 40}, {0, 0, 36, 40}};
  EXPECT_EQ(of({matches({{{0, 0, 32, 40}, 0.9}, {{0, 0, 24, 40}, 0.8}}, truths)}).recall[0], 1);
}

TEST(AveragePrecision, SizesCountAlone) {
  const ObjectMatches image =
      matches({place(0), {{0, 60, 10, 10}, 0.5}, {{60, 60, 8, 8}, 0.9}}, {place(0).box, {0, 60, 10, 10}});
  EXPECT_NEAR(of({image}, ObjectSize::kMedium).precision[0], 1, 1e-12) << "the small ones do not count";
  EXPECT_NEAR(of({image}, ObjectSize::kSmall).precision[0], 0.5, 1e-12) << "of two small ones one is wrong";
  EXPECT_FALSE(of({image}, ObjectSize::kLarge).defined);
}

TEST(AveragePrecision, OnlyTheBestOfAnImageCount) {
  const ObjectMatches image = matches({place(5, 0.9), place(0, 0.8), place(1, 0.7)}, {place(0).box, place(1).box});
  EXPECT_EQ(of({image}, ObjectSize::kAll, 1).recall[0], 0);
  EXPECT_EQ(of({image}, ObjectSize::kAll, 2).recall[0], 0.5);
  EXPECT_EQ(of({image}).recall[0], 1);
  EXPECT_EQ(best_predictions(std::vector<double>(150, 0.5)).size(), 100u);
}

TEST(AveragePrecision, MeanOverTheClassesInTruth) {
  const ObjectMatches perfect = matches({place(0)}, {place(0).box}), missed = matches({}, {place(1).box}),
                      absent = matches({place(3)}, {});
  EXPECT_NEAR(DetectionScores::of({{&perfect}, {&missed}, {&absent}}).ap, 0.5, 1e-12);
  EXPECT_EQ(DetectionScores::of({{&absent}}).ap, -1);
  EXPECT_EQ(DetectionScores::of({}).ar1, -1);
}

}  // namespace
}  // namespace fourm
