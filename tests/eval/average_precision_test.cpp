// Average precision against numbers worked out by hand.
#include "fourm/eval/average_precision.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

LabelledBox box(double xmin, double ymin, double xmax, double ymax, const std::string& name = "chair",
                double score = 1) {
  return {xmin, ymin, xmax, ymax, name, score};
}

// Boxes side by side that share nothing.
LabelledBox place(int i, const std::string& name = "chair", double score = 1) {
  return box(0.1 * i, 0, 0.1 * i + 0.1, 1, name, score);
}

double precision(const std::vector<BoxMatches>& images) {
  std::vector<const BoxMatches*> all;
  for (const auto& p : images) all.push_back(&p);
  return average_precision(all);
}

TEST(IntersectionOverUnion, OfAreas) {
  EXPECT_NEAR(intersection_over_union(box(0, 0, 0.5, 0.5), box(0.25, 0, 0.75, 0.5)), 1.0 / 3, 1e-12);
  EXPECT_NEAR(intersection_over_union(box(0, 0, 1, 1), box(0, 0, 1, 0.5)), 0.5, 1e-12);
  EXPECT_EQ(intersection_over_union(box(0, 0, 0.2, 1), box(0.4, 0, 1, 1)), 0);
  EXPECT_EQ(intersection_over_union(box(0.5, 0.5, 0.5, 0.5), box(0.5, 0.5, 0.5, 0.5)), 0);
}

TEST(MatchBoxes, EachTrueBoxIsFoundOnceAndInItsClass) {
  const BoxMatches m = match_boxes({place(0, "chair", 0.5), place(0, "chair", 0.9), place(1, "table"), place(3)},
                                   {place(0), place(1), place(2, "table")});
  ASSERT_EQ(m.predictions.at("chair").size(), 3u);
  EXPECT_TRUE(m.predictions.at("chair")[0].score == 1 &&
              !m.predictions.at("chair")[0].correct);  // place 3: no box there
  EXPECT_TRUE(m.predictions.at("chair")[1].score == 0.9 && m.predictions.at("chair")[1].correct);   // the higher score
  EXPECT_TRUE(m.predictions.at("chair")[2].score == 0.5 && !m.predictions.at("chair")[2].correct);  // already matched
  EXPECT_FALSE(m.predictions.at("table")[0].correct);                                               // a chair is there
  EXPECT_EQ(m.truths.at("chair"), 2);
}

TEST(MatchBoxes, HalfSharedIsEnough) {
  EXPECT_TRUE(match_boxes({box(0, 0, 1, 0.5)}, {box(0, 0, 1, 1)}).predictions.at("chair")[0].correct);
  EXPECT_FALSE(match_boxes({box(0, 0, 1, 0.49)}, {box(0, 0, 1, 1)}).predictions.at("chair")[0].correct);
  EXPECT_FALSE(match_boxes({box(0, 0, 1, 0.5)}, {box(0, 0, 1, 1)}, 0.75).predictions.at("chair")[0].correct);
}

TEST(MatchBoxes, TheBestOverlapIsTaken) {
  // Both true boxes overlap the first prediction enough; it is matched with the nearer one, the second with the other.
  const BoxMatches m = match_boxes({box(0, 0, 0.8, 1, "chair", 0.9), box(0, 0, 0.6, 1, "chair", 0.8)},
                                   {box(0, 0, 0.6, 1), box(0, 0, 0.9, 1)});
  EXPECT_TRUE(m.predictions.at("chair")[0].correct && m.predictions.at("chair")[1].correct);
}

TEST(AveragePrecision, AreaUnderTheEnvelope) {
  // Over two images, highest score first: correct (precision 1, recall 1/3), wrong, correct (2/3, 2/3). One of three is missed.
  const std::vector<BoxMatches> images{
      match_boxes({place(0, "chair", 0.9), place(5, "chair", 0.8)}, {place(0), place(1)}),
      match_boxes({place(0, "chair", 0.7)}, {place(0)})};
  EXPECT_NEAR(precision(images), 1.0 / 3 + 1.0 / 3 * 2 / 3, 1e-12);
}

TEST(AveragePrecision, PrecisionIsTheBestAtThatRecallOrAbove) {
  // Wrong, correct, correct of two: 1/2 and 2/3, so 2/3 for both halves.
  EXPECT_NEAR(precision({match_boxes({place(5, "chair", 0.9), place(0, "chair", 0.8), place(1, "chair", 0.7)},
                                     {place(0), place(1)})}),
              2.0 / 3, 1e-12);
}

TEST(AveragePrecision, EqualScoresAreOneStep) {
  EXPECT_NEAR(precision({match_boxes({place(0), place(5)}, {place(0)})}), 0.5, 1e-12);
  EXPECT_NEAR(precision({match_boxes({place(5), place(0)}, {place(0)})}), 0.5, 1e-12);
}

TEST(AveragePrecision, MeanOverTheClassesInTruth) {
  EXPECT_NEAR(precision({match_boxes({place(0), place(4, "lamp")}, {place(0), place(1, "table")})}), 0.5, 1e-12);
  EXPECT_EQ(precision({match_boxes({place(0)}, {})}), 0);
  EXPECT_EQ(precision({}), 0);
  EXPECT_EQ(precision({match_boxes({place(0), place(1)}, {place(0), place(1)})}), 1);
}

}  // namespace
}  // namespace fourm
