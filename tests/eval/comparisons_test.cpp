// Measures beside their ceilings and baselines, by numbers worked out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "fourm/eval/box_comparison.h"
#include "fourm/eval/map_comparisons.h"
#include "fourm/eval/scene_measures.h"
#include "fourm/eval/text_image.h"
#include "fourm/eval/token_comparison.h"
#include "fourm/io/colour_name.h"

namespace fourm {
namespace {

Raster<float> depth(float left, float right) {
  Raster<float> map(2, 1, 1);
  map.pixels = {left, right};
  return map;
}

Image labels(std::vector<uint8_t> values) {
  Image map(static_cast<int>(values.size()), 1, 1);
  map.pixels = std::move(values);
  return map;
}

TEST(Comparison, TheGapClosedNeedsACeilingBetterThanTheBaseline) {
  Comparison c{"ap50", "", true, {}, 0.9, 0.1};
  c.model.mean = 0.5;
  c.model.half_width = 0.05;
  EXPECT_NEAR(c.gap_closed().value(), 0.5, 1e-12);
  c.ceiling = 0.1, c.baseline = 0.9;
  EXPECT_FALSE(c.gap_closed().has_value()) << "a ceiling below the baseline";
  c.higher = false;
  EXPECT_NEAR(c.gap_closed().value(), 0.5, 1e-12) << "lower is better";
}

TEST(Comparison, GapClosed) {
  Comparison c{"x", "", false, {0.2, 0, 1}, 0.1, 0.5};
  EXPECT_NEAR(*c.gap_closed(), 0.75, 1e-12);  // lower is better: 0.3 of a gap of 0.4
  c.model.mean = 0.6;
  EXPECT_NEAR(*c.gap_closed(), -0.25, 1e-12);
  c.model.half_width = 0.4;
  EXPECT_FALSE(c.gap_closed());  // the gap is within the interval
  c = {"x", "", false, {0.2, 0, 1}, 0.5, 0.5};
  EXPECT_FALSE(c.gap_closed());
}

TEST(Comparison, BootstrapOfAMeanIsItsInterval) {
  // 100 zeros and 100 ones: the mean's deviation is sqrt(0.25 / 200).
  const auto measure = [](const std::vector<size_t>& samples) {
    double sum = 0;
    for (const size_t i : samples) sum += i % 2 ? 1 : 0;
    return sum / static_cast<double>(samples.size());
  };
  const Summary s = bootstrap(200, 3, measure);
  EXPECT_EQ(s.mean, 0.5);
  EXPECT_EQ(s.count, 200);
  EXPECT_NEAR(s.half_width, 1.96 * std::sqrt(0.25 / 200), 0.015);
  EXPECT_EQ(bootstrap(200, 3, measure).half_width, s.half_width);
}

TEST(CompareMaps, DepthBesideThePixelMean) {
  MapPredictions a{{.kind = "depth"}, {depth(1, 4), depth(3, 4)}, {}, {}};
  a.model = {depth(1, 4), depth(3, 2)};
  a.ceiling = a.truth;
  const auto c = compare_maps(a, 0);
  ASSERT_EQ(c.size(), 5u);
  EXPECT_NEAR(c[0].model.mean, (0 + 0.25) / 2, 1e-6);
  EXPECT_NEAR(c[0].ceiling, 0, 1e-9);
  EXPECT_NEAR(c[0].baseline, (0.5 + (1.0 / 3) / 2) / 2, 1e-6);  // the mean is 2 m and 4 m
  EXPECT_NEAR(c[1].model.mean, 0.75, 1e-9);
  EXPECT_NEAR(c[1].baseline, 0.5, 1e-9);
  EXPECT_TRUE(!c[0].higher && c[1].higher);
  EXPECT_EQ(c[4].name, "depth RMSE");
  EXPECT_NEAR(c[4].model.mean, std::sqrt(2.0) / 2, 1e-6);
  EXPECT_FALSE(c[4].higher);
  a.align_depth = true;
  const auto aligned = compare_maps(a, 0);
  EXPECT_EQ(aligned[0].name, "depth AbsRel (aligned)");
  EXPECT_NEAR(aligned[0].model.mean, 0, 1e-6) << "two points are on a line";
}

// Holes, and a sample of holes alone, leave the measures of the known pixels as they are.
TEST(CompareMaps, UnknownDepthCountsNowhere) {
  MapPredictions a{{.kind = "depth"}, {depth(1, 0), depth(3, 4), depth(0, 0)}, {}, {}};
  a.model = {depth(2, 9), depth(3, 2), depth(5, 5)};
  a.ceiling = {depth(1, 7), depth(3, 4), depth(8, 8)};
  const auto c = compare_maps(a, 0);
  ASSERT_EQ(c.size(), 5u);
  EXPECT_NEAR(c[0].model.mean, (1 + 0.25) / 2, 1e-6);
  EXPECT_EQ(c[0].model.count, 2);
  EXPECT_NEAR(c[0].ceiling, 0, 1e-9);
  EXPECT_NEAR(c[0].baseline, (1 + (1.0 / 3) / 2) / 2, 1e-6);  // the mean is 2 m, and 4 m of one sample alone
  EXPECT_TRUE(compare_maps({{.kind = "depth"}, {depth(0, 0)}, {depth(1, 1)}, {depth(1, 1)}}, 0).empty());
}

TEST(CompareMaps, UnknownNormalsCountNowhere) {
  Image truth(2, 1, 3), hole(2, 1, 3, 128), turned(2, 1, 3);
  truth.pixels = {128, 128, 255, 128, 128, 128};   // the second pixel is not known
  turned.pixels = {128, 128, 255, 255, 128, 128};  // and wrong by no measure
  const auto c = compare_maps({{.kind = "normal"}, {truth, hole}, {turned, turned}, {turned, turned}}, 0)[0];
  EXPECT_NEAR(c.model.mean, 0, 1e-3);
  EXPECT_EQ(c.model.count, 1);
}

TEST(CompareMaps, LabelNoneCountsNowhere) {
  MapPredictions a{{.kind = "semseg"}, {labels({1, 255}), labels({255, 2}), labels({255, 255})}, {}, {}};
  a.model = {labels({1, 2}), labels({1, 2}), labels({1, 1})};
  a.ceiling = {labels({1, 255}), labels({255, 255}), labels({1, 1})};
  const auto c = compare_maps(a, 0)[0];
  EXPECT_EQ(c.model.mean, 1);
  EXPECT_EQ(c.model.count, 2);
  EXPECT_NEAR(c.ceiling, 0.5, 1e-12);  // a pixel of class 2 was taken for none
  EXPECT_EQ(c.baseline, 1);            // 1 2 everywhere: none is never the most frequent
}

TEST(CompareMaps, StandardisedDepthIsNeverTakenForMetres) {
  Raster<float> truth(20, 1, 1), model(20, 1, 1);
  for (int i = 0; i < 20; ++i) {
    truth.pixels[i] = static_cast<float>(5 + i);
    model.pixels[i] = static_cast<float>(i - 9);  // the same map with another offset
  }
  MapPredictions a{{.kind = "depth", .standardise = true}, {truth, truth}, {model, model}, {truth, truth}};
  const double one = 1 / 4.76095;                        // the deviation of 2, ..., 17
  std::get<Raster<float>>(a.model[1]).pixels[19] += 20;  // in the last tenth: changes nothing else
  const auto c = compare_maps(a, 0);
  ASSERT_EQ(c.size(), 1u);
  EXPECT_EQ(c[0].name, "depth standardised L1");
  EXPECT_EQ(c[0].unit, "standard deviations");
  EXPECT_FALSE(c[0].higher);
  EXPECT_NEAR(c[0].model.mean, (0 + one) / 2, 1e-3);
  EXPECT_NEAR(c[0].ceiling, 0, 1e-6);
  EXPECT_NEAR(c[0].baseline, 0, 1e-3);  // both samples are equal
}

TEST(CompareMaps, LabelsBesideTheMostFrequent) {
  MapPredictions a{{.kind = "semseg"}, {labels({1, 2}), labels({1, 2}), labels({1, 1})}, {}, {}};
  a.model = a.ceiling = a.truth;
  a.model[2] = labels({2, 2});
  const auto all = compare_maps(a, 0);
  const auto& c = all[0];
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].name, "semantic accuracy");
  EXPECT_NEAR(all[1].model.mean, 4.0 / 6, 1e-12);
  EXPECT_NEAR(all[1].baseline, 5.0 / 6, 1e-12);
  EXPECT_NEAR(c.model.mean, (2.0 / 4 + 2.0 / 4) / 2, 1e-12);
  EXPECT_EQ(c.ceiling, 1);
  EXPECT_NEAR(c.baseline, (3.0 / 4 + 2.0 / 3) / 2, 1e-12);  // 1 2 everywhere
}

TEST(CompareMaps, ImagesBesideTheMeanImage) {
  Image dark(4, 4, 3, 90), light(4, 4, 3, 110), middle(4, 4, 3, 109);
  const auto c = compare_maps({{}, {dark, light}, {dark, middle}, {middle, middle}}, 0)[0];
  EXPECT_EQ(c.name, "rgb PSNR");
  EXPECT_NEAR(c.baseline, 20 * std::log10(255.0 / 10), 1e-9);
  EXPECT_NEAR(c.ceiling, (20 * std::log10(255.0 / 19) + 20 * std::log10(255.0)) / 2, 1e-9);
}

TEST(Captions, ObjectsAreWordsInSingularOrPlural) {
  EXPECT_TRUE(names_object("an office with a brown table, a lamp", "table"));
  EXPECT_TRUE(names_object("two shelves and two benches", "shelf"));
  EXPECT_TRUE(names_object("a room with a washing machine", "washing machine"));
  EXPECT_TRUE(names_object("chairs", "chair"));
  EXPECT_FALSE(names_object("an armchair in a bedroom", "chair"));
  EXPECT_FALSE(names_object("an armchair in a bedroom", "bed"));
  EXPECT_FALSE(names_object("tablecloth", "table"));
  EXPECT_FALSE(names_object("", "table"));
}

TEST(Captions, ShareOfLargeObjectsAndTheLargest) {
  const std::vector<SceneObjects> scenes{{"bed", {"bed", "sofa"}}, {"table", {"table"}}, {"bed", {}}, {"", {}}};
  const auto c = compare_captions({"a room with a bed", "a room with two tables", "a desk", "a desk"},
                                  {"a bed and a sofa", "a table", "a bed", "a room"}, scenes);
  EXPECT_NEAR(c[0].model.mean, (0.5 + 1) / 2, 1e-12);
  EXPECT_EQ(c[0].model.count, 2);
  EXPECT_EQ(c[0].ceiling, 1);
  EXPECT_EQ(c[0].baseline, 1);  // three classes are all there are
  EXPECT_NEAR(c[1].model.mean, 2.0 / 3, 1e-12);
  EXPECT_EQ(c[1].model.count, 3);
  EXPECT_EQ(c[1].ceiling, 1);
}

TEST(Captions, TheBaselineNamesTheThreeMostFrequent) {
  const std::vector<SceneObjects> scenes{
      {"bed", {"bed", "desk"}}, {"sofa", {"sofa", "bed"}}, {"table", {"table", "sofa"}}, {"stove", {"stove", "table"}}};
  const std::vector<std::string> none(4, "");
  const auto c = compare_captions(none, none, scenes);
  EXPECT_NEAR(c[0].baseline, (0.5 + 1 + 1 + 0.5) / 4, 1e-12);  // bed, sofa, table
  EXPECT_NEAR(c[1].baseline, 0.75, 1e-12);
}

TEST(Boxes, LargerOnesHaveHigherScores) {
  const LabelledBox large{0, 0, 0.8, 1, "bed", 1}, small{0.9, 0, 1, 1, "bed", 1}, wrong{0.85, 0, 0.88, 0.1, "bed", 1};
  const std::vector<Boxes> truth{{large, small}};
  // Correct, correct, wrong in the order of areas, whatever the order of the boxes.
  const auto found = compare_boxes({{wrong, small, large}}, truth, truth, 0);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_NEAR(found[0].model.mean, 1, 1e-12);
  EXPECT_NEAR(found[1].model.mean, 1, 1e-12);
  const LabelledBox huge{0, 0, 1, 0.1, "bed", 1};
  EXPECT_NEAR(compare_boxes({{large, huge}}, truth, truth, 0)[1].model.mean, 51.0 / 101, 1e-12);
}

TEST(Boxes, TheMeanOverThresholdsIsAp) {
  // Seven tenths of the object: found at 0.5, 0.55 ... 0.7.
  const std::vector<Boxes> truth{{{0, 0, 0.5, 1, "bed", 1}}};
  const auto found = compare_boxes({{{0, 0, 0.35, 1, "bed", 1}}}, truth, truth, 0);
  EXPECT_NEAR(found[0].model.mean, 0.5, 1e-12);
  EXPECT_NEAR(found[1].model.mean, 1, 1e-12);
}

TEST(Boxes, TheBaselineFindsMeanBoxesEverywhere) {
  // The mean bed is 0.1 to 0.9: found in both images. The lamp is there once, at its own mean place, predicted twice.
  const std::vector<Boxes> truth{{{0, 0, 0.8, 1, "bed", 1}, {0, 0, 0.2, 0.2, "lamp", 1}}, {{0.2, 0, 1, 1, "bed", 1}}};
  const auto c = compare_boxes({{}, {}}, truth, truth, 0);
  EXPECT_EQ(c[1].name, "boxes AP50");
  EXPECT_NEAR(c[1].baseline, 1, 1e-12) << "the lamp of the first image precedes that of the second";
  EXPECT_NEAR(c[1].ceiling, 1, 1e-12);
  EXPECT_EQ(c[1].model.mean, 0);
  EXPECT_EQ(compare_boxes({{}}, {{}}, {{}}, 0)[0].ceiling, 0) << "no object";
}

TEST(CompareMaps, FeaturesByTheirCosine) {
  const auto map = [](std::vector<float> values) {
    Raster<float> features(1, 2, 2);  // two positions of two numbers
    features.pixels = std::move(values);
    return features;
  };
  MapPredictions a{{.kind = "features", .features = 2}, {map({1, 0, 0, 1}), map({0, 1, 0, 1})}, {}, {}};
  a.model = {map({5, 0, 1, 0}), map({0, 1, 0, 2})};
  a.ceiling = a.truth;
  const auto c = compare_maps(a, 0);
  ASSERT_EQ(c.size(), 1u);
  EXPECT_TRUE(c[0].higher);
  EXPECT_NEAR(c[0].model.mean, (0.5 + 1) / 2, 1e-6);
  EXPECT_NEAR(c[0].ceiling, 1, 1e-6);
  EXPECT_NEAR(c[0].baseline, (std::sqrt(0.5) + 1) / 2, 1e-6);  // the mean is (1/2, 1/2) and (0, 1)
}

TEST(TextImage, OwnCaptionBesideTheOthers) {
  const std::vector<std::string> captions{"a", "b", "a"};
  const std::vector<Embedding> texts{{1, 0}, {0, 1}, {1, 0}}, truth = texts;
  const std::vector<Embedding> generated{{0.8F, 0.6F}, {0.8F, 0.6F}, {0.6F, 0.8F}};
  const auto c = compare_text_image(generated, truth, texts, captions);
  ASSERT_EQ(c.size(), 2u);
  EXPECT_NEAR(c[0].model.mean, (0.8 + 0.6 + 0.6) / 3, 1e-6);
  EXPECT_NEAR(c[0].ceiling, 1, 1e-6);
  EXPECT_NEAR(c[0].baseline, (0.6 + 0.8 + 0.8) / 3, 1e-6);  // the same words are no other caption
  EXPECT_NEAR(c[1].model.mean, (1 + 0 + 0) / 3.0, 1e-6);
  EXPECT_NEAR(c[1].ceiling, 1, 1e-6);
  EXPECT_NEAR(c[1].baseline, 0.5, 1e-6);
  const auto alone = compare_text_image({{1, 0}}, {{1, 0}}, {{1, 0}}, {"a"});
  EXPECT_EQ(alone[1].model.count, 0);
}

TEST(MainObject, IsFoundByTheClassNamesOfTheDataSet) {
  const std::vector<std::string> classes{"sky", "zebra", "tent"};
  std::vector<uint8_t> zebra(100, 0), tent(100, 0);
  std::fill(zebra.begin(), zebra.begin() + 20, 1);
  std::fill(tent.begin(), tent.begin() + 20, 2);
  const auto with_zebra = label_areas(labels(zebra)), with_tent = label_areas(labels(tent)),
             all_zebra = label_areas(labels(std::vector<uint8_t>(100, 1)));
  EXPECT_NEAR(with_zebra[1], 0.2, 1e-12);
  EXPECT_TRUE(is_found(with_zebra, "zebra", classes));
  EXPECT_FALSE(is_found(with_zebra, "tent", classes));
  EXPECT_FALSE(is_found(all_zebra, "zebra", classes));  // more than 75 % of the image
  EXPECT_FALSE(is_found(with_zebra, "bed", classes));   // no class of the data set
  EXPECT_TRUE(is_found(with_zebra, "tent", {"sky", "tent", "zebra"}));
  const std::vector<SceneObjects> scenes{{"zebra", {}}, {"tent", {}}, {"zebra", {}}, {"", {}}};
  const std::vector<std::vector<double>> truth{with_zebra, with_tent, with_zebra, with_zebra};
  const auto ignores_prompt =
      compare_main_object({with_zebra, with_zebra, with_zebra, with_zebra}, truth, scenes, classes);
  EXPECT_NEAR(ignores_prompt.model.mean, 2.0 / 3, 1e-12);
  EXPECT_EQ(ignores_prompt.model.count, 3);
  EXPECT_EQ(ignores_prompt.ceiling, 1);
  EXPECT_NEAR(ignores_prompt.baseline, (1 + 0 + 1) / 3.0, 1e-12);  // no better than images of other scenes
  const auto follows_prompt =
      compare_main_object({with_zebra, with_tent, with_zebra, with_tent}, truth, scenes, classes);
  EXPECT_EQ(follows_prompt.model.mean, 1);
  EXPECT_NEAR(follows_prompt.baseline, (1.0 / 3 + 1.0 / 3 + 1.0 / 3) / 3, 1e-12);
}

TEST(NamedObjects, AreClassesWithTheirColoursAndPlaces) {
  const std::vector<std::string> classes{"wall", "floor", "chair", "armchair", "bed", "washing machine", "shelf"};
  const auto found = named_objects(
      "a bedroom with a large white bed in the middle, four blue chairs, a grey washing machine on the left and a "
      "wooden "
      "shelf on the right, wooden floor and green walls",
      classes);
  std::map<std::string, std::pair<std::string, std::string>> by_class;
  for (const auto& object : found) by_class[object.class_name] = {object.colour, object.place};
  const std::map<std::string, std::pair<std::string, std::string>> expected{
      {"bed", {"white", "middle"}}, {"chair", {"blue", ""}}, {"washing machine", {"grey", "left"}},
      {"shelf", {"", "right"}},     {"floor", {"", ""}},     {"wall", {"green", ""}}};
  EXPECT_EQ(by_class, expected);  // a bedroom is no bed, and nothing is said of armchairs
  EXPECT_TRUE(named_objects("", classes).empty());
  EXPECT_EQ(named_objects("chair", classes).at(0).colour, "");
  EXPECT_EQ(named_objects("red chair on the left", classes).at(0).place, "left");
}

// A grey room of 20 x 10 pixels with a block of class 1 in a colour, from column x on.
struct Painted {
  Image rgb{20, 10, 3, 128};
  Image labels{20, 10, 1, 0};

  Painted(Colour colour, int x, int width = 5) {
    for (int row = 0; row < 10; ++row)
      for (int column = x; column < x + width; ++column) {
        std::copy(colour.begin(), colour.end(), rgb.at(column, row));
        *labels.at(column, row) = 1;
      }
  }
  SceneView view() const { return view_of(rgb, labels, {"wall", "chair"}); }
};

TEST(SceneViews, AreSharesMediansAndPlaces) {
  Painted room({10, 200, 30}, 0, 4);
  for (int row = 0; row < 4; ++row) room.rgb.at(0, row)[0] = 255;  // a tenth of the class
  const SceneView view = room.view();
  EXPECT_NEAR(view.at("chair").share, 0.2, 1e-12);
  EXPECT_EQ(view.at("chair").colour, (Colour{10, 200, 30}));
  EXPECT_NEAR(view.at("chair").x, 2.0 / 20, 1e-12);
  EXPECT_NEAR(view.at("wall").x, 12.0 / 20, 1e-12);
  EXPECT_FALSE(view_of(room.rgb, room.labels, {"wall", "chair", "bed"}).contains("bed"));
  EXPECT_FALSE(view_of(room.rgb, room.labels, {"wall"}).contains("chair")) << "a label without a name";
}

// Each colour is found under its own name and under no other, in the light of a room.
TEST(Colours, AreFoundUnderTheirNamesAlone) {
  const std::vector<std::string> classes{"wall", "chair"};
  const std::vector<std::pair<Colour, std::string>> paints{
      {{180, 180, 180}, "white"}, {{8, 8, 8}, "black"},    {{96, 96, 96}, "grey"},     {{165, 15, 15}, "red"},
      {{191, 112, 22}, "orange"}, {{90, 52, 22}, "brown"}, {{172, 161, 135}, "beige"}, {{187, 172, 30}, "yellow"},
      {{30, 120, 45}, "green"},   {{30, 60, 150}, "blue"}, {{90, 37, 127}, "purple"},  {{187, 112, 135}, "pink"}};
  ASSERT_EQ(paints.size(), std::size(kColourNames));
  for (const auto& [paint, name] : paints)
    for (const auto& other : kColourNames) {
      const SceneView view = Painted(paint, 3).view();
      const Comparison c = compare_colours({view}, {view}, {"a room with a " + std::string(other) + " chair"}, classes);
      EXPECT_EQ(c.model.count, 1);
      EXPECT_EQ(c.model.mean, other == name) << name << " called " << other;
      EXPECT_EQ(c.ceiling, other == name);
    }
}

TEST(Colours, BesideImagesOfOtherCaptions) {
  const std::vector<std::string> classes{"wall", "chair"};
  const SceneView red = Painted({165, 15, 15}, 3).view(), blue = Painted({30, 60, 150}, 3).view(), none;
  const std::vector<std::string> captions{"a red chair, pink walls", "two blue chairs", "a wooden chair"};
  const Comparison c = compare_colours({red, red, red}, {red, blue, red}, captions, classes);
  EXPECT_EQ(c.model.count, 2) << "the last caption names no colour";
  EXPECT_NEAR(c.model.mean, (0.5 + 0) / 2, 1e-12);
  EXPECT_NEAR(c.ceiling, (0.5 + 1) / 2, 1e-12);
  EXPECT_NEAR(c.baseline, (0.5 + 0) / 2, 1e-12) << "an image that ignores its caption is the baseline";
  EXPECT_EQ(compare_colours({none, none}, {red, blue}, {"a red chair", "a blue chair"}, classes).model.mean, 0);
}

TEST(Places, AreLeftMiddleAndRight) {
  const std::vector<std::string> classes{"wall", "chair"}, words{"on the left", "in the middle", "on the right"};
  for (int x = 0; x + 5 <= 20; ++x)
    for (size_t place = 0; place < 3; ++place) {
      const SceneView view = Painted({0, 0, 0}, x).view();
      const double centre = (x + 2.5) / 20;
      const size_t stands = centre < 0.38 ? 0 : centre > 0.62 ? 2 : 1;
      EXPECT_EQ(compare_places({view}, {view}, {"a chair " + words[place]}, classes).model.mean, stands == place) << x;
    }
  const SceneView left = Painted({0, 0, 0}, 0).view(), right = Painted({0, 0, 0}, 15).view();
  const Comparison c =
      compare_places({left, left}, {left, right}, {"a chair on the left", "a chair on the right"}, classes);
  EXPECT_EQ(c.model.mean, 0.5);
  EXPECT_EQ(c.ceiling, 1);
  EXPECT_EQ(c.baseline, 0.5);
}

TEST(BoxContents, AQuarterOfALargeBoxHasItsClass) {
  const std::vector<std::string> classes{"wall", "chair"};
  const Image room = Painted({0, 0, 0}, 5).labels;  // columns 5 to 9
  const auto found = [&](LabelledBox box) { return compare_box_contents({room}, {room}, {{box}}, classes).model; };
  EXPECT_EQ(found({0.25, 0, 0.5, 1, "chair", 1}).mean, 1);
  EXPECT_EQ(found({0.25, 0, 1, 1, "chair", 1}).mean, 1);  // 5 of 15 columns
  EXPECT_EQ(found({0, 0, 0.3, 1, "chair", 1}).mean, 0);   // 1 of 6
  EXPECT_EQ(found({0.5, 0, 1, 1, "chair", 1}).mean, 0);   // beside it
  EXPECT_EQ(found({0.25, 0, 0.5, 1, "bed", 1}).mean, 0);  // no class of the data set
  EXPECT_EQ(found({-1, -1, 2, 2, "chair", 1}).mean, 1);   // beyond the image: 5 of 20
  EXPECT_EQ(found({0.25, 0, 0.3, 0.2, "chair", 1}).count, 0) << "a hundredth of the image";
  const Image other = Painted({0, 0, 0}, 15).labels;
  const std::vector<LabelledBox> left{{0.25, 0, 0.5, 1, "chair", 1}}, right{{0.75, 0, 1, 1, "chair", 1}};
  const Comparison c = compare_box_contents({room, room}, {room, other}, {left, right}, classes);
  EXPECT_EQ(c.model.mean, 0.5);
  EXPECT_EQ(c.ceiling, 1);
  EXPECT_EQ(c.baseline, 0.5);
}

TEST(CompareTokens, PositionsAndWholeLists) {
  const TokenLists truth{{1, 2, 3}, {1, 2, 3}, {1, 5}, {4, 2, 9, 9}};
  const auto found = compare_tokens("palette", {{1, 2, 3}, {1, 2, 4}, {1, 5, 6}, {}}, truth);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "palette: token accuracy");
  EXPECT_EQ(found[1].name, "palette: exact match");
  // A token behind the end of the truth is wrong, and so is a missing one.
  EXPECT_NEAR(found[0].model.mean, (1 + 2 / 3.0 + 2 / 3.0 + 0) / 4, 1e-12);
  EXPECT_NEAR(found[1].model.mean, 0.25, 1e-12);
  // 1, 2, 3 is the most frequent token of each position, and the most frequent list.
  EXPECT_NEAR(found[0].baseline, (1 + 1 + 1 / 3.0 + 1 / 4.0) / 4, 1e-12);
  EXPECT_NEAR(found[1].baseline, 0.5, 1e-12);
  for (const auto& comparison : found) EXPECT_EQ(comparison.ceiling, 1);
}

TEST(CompareTokens, UnknownTokensAreLeftOut) {
  const TokenLists truth{{-1, 2, -1}, {-1, 5, 6}, {-1, 5, -1}, {-1, -1, -1}};
  const auto found = compare_tokens("map", {{7, 2, 8}, {5, 5, 5}, {1, 2, 3}, {1, 2, 3}}, truth);
  EXPECT_EQ(found[0].model.count, 3) << "nothing is known of the last";
  EXPECT_NEAR(found[0].model.mean, (1 + 0.5 + 0) / 3, 1e-12);
  EXPECT_NEAR(found[1].model.mean, 1 / 3.0, 1e-12);
  EXPECT_NEAR(found[0].baseline, (0 + 1 + 1) / 3.0, 1e-12) << "5 and 6";
  EXPECT_TRUE(compare_tokens("map", {{1, 2}}, {{-1, -1}}).empty());
  EXPECT_THROW(compare_tokens("map", {{1}}, {}), Error);
}

}  // namespace
}  // namespace fourm
