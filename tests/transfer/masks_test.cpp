// Masks of objects: pasted as Detectron2 does (tests/transfer/detectron2_masks.py), cut out, seen in views, and the mask head.
#include <gtest/gtest.h>

#include <cmath>

#include "fourm/transfer/detection_head.h"
#include "fourm/transfer/labelled_set.h"
#include "fourm/transfer/measure.h"
#include "tests/support/compare.h"
#include "tests/support/labelled_data.h"

namespace fourm {
namespace {

TEST(PastedMask, PixelsEqualTheTables) {
  const auto file = SafetensorsFile::open(fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/transfer/masks.safetensors");
  const Tensor boxes = read_tensor(file, "boxes"), small = read_tensor(file, "small").contiguous();
  const Tensor expected = read_tensor(file, "pasted").to(at::kByte);
  int64_t inside = 0;
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    BoxCorners corners;
    for (int64_t k = 0; k < 4; ++k) corners[k] = boxes[i][k].item<double>();
    const RleMask mask = pasted_mask(small[i].data_ptr<float>(), 28, corners, 48, 60);
    EXPECT_TRUE(at::tensor(mask.pixels(), at::kByte).view({48, 60}).equal(expected[i])) << i;
    inside += mask.area();
  }
  EXPECT_EQ(inside, expected.sum().item<int64_t>());
  EXPECT_GT(inside, 1000);
}

TEST(PastedMask, BoxesWithoutAreaOrImageGiveNothing) {
  const std::vector<float> full(16, 1.0F);
  for (const BoxCorners& box : {BoxCorners{5, 5, 5, 9}, {9, 9, 5, 5}, {-20, 0, -10, 9}, {0, 50, 9, 60}, {0, 0, NAN, 4}})
    EXPECT_EQ(pasted_mask(full.data(), 4, box, 12, 10).area(), 0);
  EXPECT_EQ(pasted_mask(full.data(), 4, {-1e9, -1e9, 1e9, 1e9}, 12, 10).area(), 120);
}

TEST(CropMasks, AreThoseOfRoiAlign) {
  Random random(4);
  Tensor masks = at::zeros({3, 20, 30}, at::kByte);
  for (int64_t i = 0; i < 3; ++i) {
    const RleMask mask = RleMask::of_polygon(20, 30, test::shape_corners(static_cast<int>(i), 14, 9, 8 - i));
    masks[i].copy_(at::tensor(mask.pixels(), at::kByte).view({20, 30}));
  }
  std::vector<float> corners;
  std::vector<int64_t> objects;
  for (int64_t k = 0; k < 40; ++k) {
    const double x = random.uniform(-5, 25), y = random.uniform(-5, 18);
    for (const double v : {x, y, x + random.uniform(0.1, 25), y + random.uniform(0.1, 20)})
      corners.push_back(static_cast<float>(v));
    objects.push_back(k % 3);
  }
  const Tensor boxes = at::tensor(corners).view({-1, 4});
  const Tensor cropped = crop_masks(masks, boxes, objects, 14);
  const Tensor means =
      roi_align({{masks.unsqueeze(1).to(at::kFloat), 1}}, boxes, objects, std::vector<int64_t>(objects.size(), 0), 14);
  const Tensor sure = (means.squeeze(1) - 0.5).abs() > 1e-5;
  EXPECT_TRUE(at::logical_and(sure, (cropped > 0.5) != (means.squeeze(1) > 0.5)).sum().item<int64_t>() == 0);
  EXPECT_GT(cropped.mean().item<double>(), 0.1);
  EXPECT_LT(cropped.mean().item<double>(), 0.9);
}

// The mask of an object follows each view as the pixels of its image do, and its box is that of the mask.
TEST(SeenObjects, MasksFollowViews) {
  Random random(8);
  int64_t seen_count = 0;
  double right_of_all = 0, inside_of_all = 0;
  for (int number = 1; number < 40; ++number) {
    Json annotations = Json::array();
    const Image image = test::shapes_image(number, annotations);
    std::vector<LabelledObject> objects;
    for (const auto& a : annotations) {
      const auto kind = a["category_id"].get<int64_t>() / 2;
      const Json& outline = a["segmentation"];
      LabelledObject object;
      object.label = kind;
      object.mask =
          outline.is_array()
              ? RleMask::of_polygon(test::kShapesSide, test::kShapesSide, outline[0].get<std::vector<double>>())
              : RleMask::parse(test::kShapesSide, test::kShapesSide, outline["counts"].get<std::string>());
      objects.push_back(object);
    }
    CropView view = number % 2 ? jittered_view(test::kShapesSide, test::kShapesSide, 0.5, 2, random)
                               : random_square(test::kShapesSide, test::kShapesSide, 0.6, random);
    view.flip = random.chance(0.5);
    InputConfig rgb;
    const Image square = std::get<Image>(apply_view(rgb, image, view, 96));
    for (const auto& object : visible_objects(objects, view, 96)) {
      ++seen_count;
      const std::vector<uint8_t> inside = object.mask->pixels();
      double right = 0;
      for (size_t i = 0; i < inside.size(); ++i) right += inside[i] && square.pixels[3 * i + object.label] > 120;
      right_of_all += right;
      inside_of_all += static_cast<double>(object.mask->area());
      const auto [x, y, width, height] = object.mask->bounding_box();
      EXPECT_DOUBLE_EQ(object.box.xmin, x / 96);
      EXPECT_DOUBLE_EQ(object.box.ymax, (y + height) / 96);
    }
  }
  EXPECT_GT(seen_count, 30);
  EXPECT_GT(right_of_all, 0.9 * inside_of_all);
}

struct SmallMaskHead {
  SmallMaskHead() { parameters.make_trainable(); }

  static HeadConfig config() {
    HeadConfig config;
    config.width = 8, config.hidden = 16, config.masks = true, config.proposals = 40, config.sampled_boxes = 32;
    return config;
  }

  SeedSource source{3};
  Parameters parameters;
  DetectionHead head{Scope(parameters, source), 8, 2, config()};
};

TEST(MaskHead, EachTensorHasAGradientWithAndWithoutObjects) {
  SmallMaskHead small;
  Parameters& parameters = small.parameters;
  const DetectionHead& head = small.head;
  ObjectTargets object{at::tensor({8.0F, 8.0F, 40.0F, 40.0F}).view({1, 4}), {1}, 0, at::zeros({1, 64, 64}, at::kByte)};
  object.masks.slice(1, 8, 40).slice(2, 8, 40).fill_(1);
  for (const ObjectTargets& target : {object, ObjectTargets{at::zeros({0, 4}), {}, 0, {}}}) {
    Tensor loss = at::zeros({});
    const auto losses = head.losses(test::wave({1, 4, 4, 8}, 0.3), 64, {target}, 1);
    for (const auto& [name, part] : losses) {
      EXPECT_TRUE(std::isfinite(part.item<double>())) << name;
      loss = loss + part;
    }
    // Untrained logits are zero: every pixel costs log 2, whatever the class.
    EXPECT_NEAR(losses.at("mask").item<double>(), target.labels.empty() ? 0 : std::log(2), 1e-5);
    loss.backward();
    for (Tensor weight : parameters.parameters()) {
      EXPECT_TRUE(weight.grad().defined());
      weight.mutable_grad() = Tensor();
    }
  }
  const auto found = head.detect(test::wave({2, 4, 4, 8}, 0.3), 64);
  for (const auto& image : found)
    EXPECT_EQ(image.masks.sizes(), (std::vector<int64_t>{image.boxes.size(0), kMaskSide, kMaskSide}));
}

// Every proposal lies outside the image, and there is no object.
TEST(MaskHead, ABatchWithoutAnyBoxHasNoLossOfBoxesAndAllGradients) {
  SmallMaskHead small;
  Parameters& parameters = small.parameters;
  const DetectionHead& head = small.head;
  {
    const NoGradGuard no_grad;
    parameters.find("rpn_deltas.bias").fill_(100);
  }
  const ObjectTargets none{at::zeros({0, 4}), {}, 0, {}};
  const auto losses = head.losses(test::wave({2, 4, 4, 8}, 0.3), 64, {none, none}, 1);
  Tensor loss = at::zeros({});
  for (const auto& [name, part] : losses) {
    if (name != "rpn_class") {
      EXPECT_EQ(part.item<double>(), 0) << name;
    }
    loss = loss + part;
  }
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  loss.backward();
  for (const Tensor& weight : parameters.parameters()) EXPECT_TRUE(weight.grad().defined());
  for (const auto& image : head.detect(test::wave({2, 4, 4, 8}, 0.3), 64)) EXPECT_TRUE(image.scores.empty());
}

}  // namespace
}  // namespace fourm
