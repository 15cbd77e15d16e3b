// Boxes, ROI-align and non-maximum suppression against torchvision (tests/transfer/torchvision_boxes.py), and the detection head.
#include <gtest/gtest.h>

#include <cmath>

#include "fourm/transfer/box_geometry.h"
#include "fourm/transfer/detection_head.h"
#include "fourm/transfer/roi_align.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

SafetensorsFile expected() {
  return SafetensorsFile::open(fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/transfer/boxes.safetensors");
}

std::vector<int64_t> integers(const Tensor& x) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < x.size(0); ++i) values.push_back(static_cast<int64_t>(x[i].item<double>()));
  return values;
}

TEST(RoiAlign, ValuesAndGradientsEqualTheTables) {
  const auto file = expected();
  const std::vector<int64_t> images = integers(read_tensor(file, "images"));
  for (const auto& [name, bins, samples] : {std::tuple{"adaptive", 7, 0}, {"two", 5, 2}}) {
    const Tensor maps = read_tensor(file, "maps").clone().requires_grad_();
    const Tensor pooled = roi_align({{maps, 8}}, read_tensor(file, "rois"), images,
                                    std::vector<int64_t>(images.size(), 0), bins, samples);
    EXPECT_LT(test::largest_difference(pooled, read_tensor(file, name)), 1e-5) << name;
    const Tensor weights = at::arange(pooled.numel(), at::kLong).view_as(pooled).sin();
    (pooled * weights).sum().backward();
    EXPECT_LT(test::largest_difference(maps.grad(), read_tensor(file, std::string(name) + "_gradient")), 1e-4) << name;
  }
}

TEST(RoiAlign, LevelsFollowTheSizeOfBoxes) {
  std::vector<PyramidLevel> pyramid;
  for (int i = 0; i < 4; ++i) {
    const int64_t side = 64 >> i;
    pyramid.push_back({at::full({1, 1, side, side}, i, at::kFloat), 4.0 * (1 << i)});
  }
  const Tensor boxes = at::tensor({0.0,   0.0,   224.0, 224.0, 10.0, 10.0, 122.0, 122.0, 0.0,   0.0,
                                   111.0, 111.0, 5.0,   5.0,   9.0,  9.0,  0.0,   0.0,   255.0, 255.0})
                           .view({5, 4})
                           .to(at::kFloat);
  const auto levels = pyramid_levels(boxes, pyramid);
  EXPECT_EQ(levels, (std::vector<int64_t>{2, 1, 0, 0, 2}));
  const Tensor pooled = roi_align(pyramid, boxes, {0, 0, 0, 0, 0}, levels, 2);
  for (int64_t i = 0; i < 5; ++i) EXPECT_NEAR(pooled[i].mean().item<double>(), static_cast<double>(levels[i]), 1e-5);
}

TEST(NonMaximumSuppression, KeptBoxesEqualTheTables) {
  const auto file = expected();
  const Tensor boxes = read_tensor(file, "many"), scores = read_tensor(file, "scores");
  EXPECT_LT(
      test::largest_difference(box_iou(boxes.slice(0, 0, 20), boxes.slice(0, 20, 50)), read_tensor(file, "overlaps")),
      1e-6);
  for (const int tenths : {3, 5, 7}) {
    const auto kept = integers(read_tensor(file, "kept_" + std::to_string(tenths)));
    EXPECT_GT(kept.size(), 10u);
    EXPECT_EQ(non_maximum_suppression(boxes, scores, tenths / 10.0), kept);
  }
  // By class: as if each class were alone.
  const Tensor classes = at::arange(299, at::kLong).remainder(3);
  std::vector<int64_t> alone;
  for (int64_t c = 0; c < 3; ++c) {
    const Tensor rows = (classes == c).nonzero().flatten();
    for (const int64_t i : non_maximum_suppression(boxes.index_select(0, rows), scores.index_select(0, rows), 0.5))
      alone.push_back(rows[i].item<int64_t>());
  }
  auto together = non_maximum_suppression(boxes, scores, classes, 0.5);
  std::sort(alone.begin(), alone.end());
  std::sort(together.begin(), together.end());
  EXPECT_EQ(together, alone);
}

TEST(BoxRegression, DecodingUndoesEncoding) {
  const Tensor boxes = read_tensor(expected(), "many").slice(0, 0, 100), anchors = boxes.flip({0}) + 3;
  const BoxWeights weights{10, 10, 5, 5};
  EXPECT_LT(test::largest_difference(decode_boxes(anchors, encode_boxes(anchors, boxes, weights), weights), boxes),
            1e-3);
  const Tensor huge = at::tensor({0.0, 0.0, 1000.0, 1000.0}).view({1, 4}).to(at::kFloat);
  const Tensor unit = at::tensor({0.0, 0.0, 1.0, 1.0}).view({1, 4}).to(at::kFloat);
  EXPECT_NEAR(
      (decode_boxes(unit, huge, {1, 1, 1, 1})[0][2] - decode_boxes(unit, huge, {1, 1, 1, 1})[0][0]).item<double>(),
      62.5, 1e-3);
}

// Tokens that say where an object is: the losses of the head fall.
TEST(DetectionHead, LearnsToFindObjects) {
  SeedSource source(3);
  Parameters parameters;
  HeadConfig config;
  config.width = 8, config.hidden = 32, config.anchor_size = 4;
  const DetectionHead head(Scope(parameters, source), 8, 2, config);
  parameters.make_trainable();
  const auto sample = [](int64_t number) {
    const int64_t x = number % 3, y = number / 3 % 3, label = number / 9 % 2;
    Tensor tokens = at::zeros({4, 4, 8});
    tokens.slice(0, y, y + 2).slice(1, x, x + 2).select(2, label).fill_(4);
    const auto corner = [](int64_t v) { return static_cast<float>(16 * v); };
    const Tensor box = at::tensor({corner(x), corner(y), corner(x + 2), corner(y + 2)}).view({1, 4});
    return std::pair{tokens, ObjectTargets{box, {label}, static_cast<uint64_t>(number)}};
  };
  double first = 0, last = 0;
  const std::vector<Tensor> weights = parameters.parameters();
  std::vector<Tensor> means;
  for (const auto& w : weights) means.push_back(at::zeros_like(w));
  for (int64_t step = 0; step < 24; ++step) {
    std::vector<Tensor> tokens;
    std::vector<ObjectTargets> targets;
    for (int64_t k = 0; k < 2; ++k) {
      auto [one, target] = sample((step * 2 + k) * 5);
      tokens.push_back(one);
      target.sample = static_cast<uint64_t>(step * 2 + k);
      targets.push_back(std::move(target));
    }
    Tensor loss = at::zeros({});
    for (const auto& item : head.losses(at::stack(tokens), 64, targets, 1)) loss = loss + item.second;
    loss.backward();
    (step == 0 ? first : last) = loss.item<double>();
    const NoGradGuard no_grad;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (!weights[i].grad().defined()) continue;
      means[i].mul_(0.9).add_(weights[i].grad().square(), 0.1);
      Tensor w = weights[i];
      w.sub_(weights[i].grad() / (means[i].sqrt() + 1e-6), 3e-3);
      w.mutable_grad() = Tensor();
    }
  }
  EXPECT_LT(last, 0.8 * first);
  const Tensor tokens = sample(14).first;
  const auto found = head.detect(tokens.unsqueeze(0), 64);
  for (size_t i = 0; i < found[0].scores.size(); ++i) {
    EXPECT_LE(found[0].scores[i], i == 0 ? 1 : found[0].scores[i - 1]);
    EXPECT_GE(found[0].boxes[static_cast<int64_t>(i)].min().item<double>(), 0);
    EXPECT_LE(found[0].boxes[static_cast<int64_t>(i)].max().item<double>(), 64);
  }
}

TEST(DetectionHead, ImagesWithoutObjectsHaveLosses) {
  SeedSource source(3);
  Parameters parameters;
  HeadConfig config;
  config.width = 16, config.hidden = 16;
  const DetectionHead head(Scope(parameters, source), 8, 2, config);
  parameters.make_trainable();
  Tensor loss = at::zeros({});
  for (const auto& [name, part] : head.losses(test::wave({1, 4, 4, 8}, 0.3), 64, {{at::zeros({0, 4}), {}, 0}}, 1)) {
    EXPECT_TRUE(std::isfinite(part.item<double>())) << name;
    loss = loss + part;
  }
  loss.backward();
  EXPECT_TRUE(head.detect(test::wave({1, 4, 4, 8}, 0.3), 64)[0].scores.empty() ||
              head.detect(test::wave({1, 4, 4, 8}, 0.3), 64)[0].scores[0] <= 0.4);
}

}  // namespace
}  // namespace fourm
