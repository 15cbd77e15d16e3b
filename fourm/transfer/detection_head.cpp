#include "fourm/transfer/detection_head.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"

namespace fourm {
namespace {

// Numbers of ViTDet's configuration in Detectron2.
constexpr double kRatios[] = {0.5, 1, 2};  // of height to width of anchors
constexpr int64_t kRatioCount = 3;
constexpr int64_t kBeforeSuppression = 1000, kProposals = 1000;  // of a level, and of an image
constexpr double kProposalOverlap = 0.7, kForeground = 0.7, kBackground = 0.3;
constexpr int64_t kAnchorsOfLoss = 256, kBoxesOfLoss = 512;  // of an image
constexpr double kPositiveAnchors = 0.5, kPositiveBoxes = 0.25;
constexpr double kStageOverlaps[] = {0.5, 0.6, 0.7};
constexpr size_t kStages = 3;
constexpr double kLeastScore = 0.05, kFinalOverlap = 0.5;
constexpr int64_t kMostDetections = 100;
constexpr int64_t kBins = 7;
constexpr BoxWeights kAnchorWeights{1, 1, 1, 1};
constexpr BoxWeights kStageWeights[] = {{10, 10, 5, 5}, {20, 20, 10, 10}, {30, 30, 15, 15}};

// Norm over the channels of [B, C, H, W].
Tensor channel_norm(const LayerNorm& norm, const Tensor& x) {
  return norm(x.permute({0, 2, 3, 1}).contiguous()).permute({0, 3, 1, 2});
}

Tensor doubled(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return at::conv_transpose2d(x, weight.to(at::kFloat), bias.to(at::kFloat), 2);
}

// A layer applied to the positions of [B, C, H, W]: rows [B, H W, out].
Tensor positions(const Linear& layer, const Tensor& x) {
  const Tensor rows = x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)});
  return layer(rows).to(at::kFloat).view({x.size(0), x.size(2) * x.size(3), -1});
}

Tensor at_rows(const Tensor& x, const std::vector<int64_t>& rows) {
  return x.index_select(0, at::tensor(rows, at::kLong).to(x.device()));
}

// Of candidates with labels (1: an object, 0: none, -1: neither) at most `count` are drawn, a share of them objects.
struct Drawn {
  std::vector<int64_t> positive, negative;
};
Drawn draw(const Tensor& labels, int64_t count, double share, Random random) {
  Drawn drawn;
  const Tensor on_cpu = labels.to(at::kCPU, at::kLong).contiguous();
  for (int64_t i = 0; i < on_cpu.size(0); ++i) {
    const int64_t label = on_cpu.data_ptr<int64_t>()[i];
    if (label == 1) drawn.positive.push_back(i);
    if (label == 0) drawn.negative.push_back(i);
  }
  const auto cut = [&](std::vector<int64_t>& list, int64_t most) {
    if (static_cast<int64_t>(list.size()) <= most) return;
    random.shuffle(list);
    list.resize(static_cast<size_t>(most));
  };
  cut(drawn.positive, static_cast<int64_t>(static_cast<double>(count) * share));
  cut(drawn.negative, count - static_cast<int64_t>(drawn.positive.size()));
  return drawn;
}

// The sum over processes, as a number.
double whole(double own, const ProcessGroup& group) {
  return std::max(1.0, group.all_reduce(std::vector<double>{own})[0]);
}

}  // namespace

NormedConv::NormedConv(const Scope& scope, int64_t in, int64_t out, int64_t kernel)
    : weight(scope.parameter("weight", {out, in, kernel, kernel},
                             Init::normal(std::sqrt(2.0 / static_cast<double>(out * kernel * kernel))))),
      norm(scope["norm"], out, true) {}

Tensor NormedConv::operator()(const Tensor& x) const {
  return channel_norm(norm, at::conv2d(x, weight.to(at::kFloat), {}, 1, weight.size(2) / 2));
}

FeaturePyramid::FeaturePyramid(const Scope& scope, int64_t width, int64_t channels) {
  const auto up = [&](const char* name, int64_t in, int64_t out) {
    const double deviation = std::sqrt(1.0 / static_cast<double>(in));
    return std::pair{scope[name].parameter("weight", {in, out, 2, 2}, Init::normal(deviation)),
                     scope[name].parameter("bias", {out}, Init::zeros())};
  };
  std::tie(up2, up2_bias) = up("up2", width, width / 2);
  std::tie(up4, up4_bias) = up("up4", width, width / 2);
  std::tie(up4_again, up4_again_bias) = up("up4_again", width / 2, width / 4);
  up4_norm = LayerNorm(scope["up4_norm"], width / 2, true);
  const int64_t widths[] = {width / 4, width / 2, width, width};
  for (int64_t i = 0; i < 4; ++i) {
    reduce.emplace_back(scope["reduce"][i], widths[i], channels, 1);
    smooth.emplace_back(scope["smooth"][i], channels, channels, 3);
  }
}

std::vector<PyramidLevel> FeaturePyramid::operator()(const Tensor& tokens, double patch) const {
  const Tensor x = tokens.permute({0, 3, 1, 2}).contiguous();
  const Tensor four = doubled(at::gelu(channel_norm(up4_norm, doubled(x, up4, up4_bias))), up4_again, up4_again_bias);
  const Tensor maps[] = {four, doubled(x, up2, up2_bias), x, at::max_pool2d(x, 2, 2, 0, 1, /*ceil_mode=*/true)};
  std::vector<PyramidLevel> levels;
  for (size_t i = 0; i < 4; ++i)
    levels.push_back({smooth[i](reduce[i](maps[i])), patch / 4 * static_cast<double>(1 << i)});
  levels.push_back({at::max_pool2d(levels[3].map, 1, 2, 0, 1, true), patch * 4});
  return levels;
}

DetectionHead::DetectionHead(const Scope& scope, int64_t width, int64_t classes, const HeadConfig& config)
    : classes_(classes), anchor_size_(config.anchor_size), pyramid_(scope["pyramid"], width, config.width) {
  const int64_t channels = config.width;
  for (int64_t i = 0; i < 2; ++i) rpn_.emplace_back(scope["rpn"][i], channels, channels, 3);
  const auto small = [](const Scope& at, int64_t in, int64_t out) {
    return Linear::convolution(at, {out, in}, /*zero=*/true);
  };
  rpn_objectness_ = small(scope["rpn_scores"], channels, kRatioCount);
  rpn_deltas_ = small(scope["rpn_deltas"], channels, 4 * kRatioCount);
  for (size_t s = 0; s < kStages; ++s) {
    const Scope stage = scope["stages"][static_cast<int64_t>(s)];
    BoxHead head;
    for (int64_t i = 0; i < 4; ++i) head.convs.emplace_back(stage["convs"][i], channels, channels, 3);
    head.hidden = Linear(stage["hidden"], channels * kBins * kBins, config.hidden, true);
    head.classes = small(stage["classes"], config.hidden, classes + 1);
    head.deltas = small(stage["deltas"], config.hidden, 4);
    stages_.push_back(std::move(head));
  }
}

DetectionHead::Anchors DetectionHead::anchors(const std::vector<PyramidLevel>& pyramid) const {
  Anchors result;
  std::vector<float> corners;
  for (const auto& level : pyramid) {
    const int64_t h = level.map.size(2), w = level.map.size(3);
    for (int64_t y = 0; y < h; ++y)
      for (int64_t x = 0; x < w; ++x)
        for (const double ratio : kRatios) {
          const double width = anchor_size_ * level.stride / std::sqrt(ratio), height = width * ratio;
          const double cx = static_cast<double>(x) * level.stride, cy = static_cast<double>(y) * level.stride;
          for (const double value : {cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2})
            corners.push_back(static_cast<float>(value));
        }
    result.counts.push_back(h * w * kRatioCount);
  }
  result.boxes = at::tensor(corners).view({-1, 4}).to(pyramid[0].map.device());
  return result;
}

DetectionHead::RpnOutput DetectionHead::region_proposals(const std::vector<PyramidLevel>& pyramid) const {
  std::vector<Tensor> objectness, deltas;
  for (const auto& level : pyramid) {
    Tensor x = level.map;
    for (const auto& conv : rpn_) x = conv(x).relu();
    const int64_t batch = x.size(0);
    objectness.push_back(positions(rpn_objectness_, x).reshape({batch, -1}));
    deltas.push_back(positions(rpn_deltas_, x).reshape({batch, -1, 4}));
  }
  return {at::cat(objectness, 1), at::cat(deltas, 1)};
}

// The best of each level, decoded; of these the best that do not overlap.
std::vector<Tensor> DetectionHead::proposals(const RpnOutput& rpn, const Anchors& anchors, int64_t size) const {
  const NoGradGuard no_grad;
  std::vector<Tensor> all;
  for (int64_t b = 0; b < rpn.objectness.size(0); ++b) {
    std::vector<Tensor> boxes, scores, levels;
    int64_t first = 0;
    for (size_t level = 0; level < anchors.counts.size(); first += anchors.counts[level], ++level) {
      const int64_t count = anchors.counts[level];
      const auto [best, index] =
          rpn.objectness[b].slice(0, first, first + count).topk(std::min(kBeforeSuppression, count), 0);
      const Tensor rows = index + first;
      boxes.push_back(clipped_boxes(
          decode_boxes(anchors.boxes.index_select(0, rows), rpn.deltas[b].index_select(0, rows), kAnchorWeights),
          static_cast<double>(size)));
      scores.push_back(best);
      levels.push_back(at::full({best.size(0)}, static_cast<int64_t>(level), index.options()));
    }
    const Tensor candidates = at::cat(boxes);
    auto kept = non_maximum_suppression(candidates, at::cat(scores), at::cat(levels), kProposalOverlap);
    if (static_cast<int64_t>(kept.size()) > kProposals) kept.resize(kProposals);
    const Tensor chosen = at_rows(candidates, kept), sides = chosen.slice(1, 2) - chosen.slice(1, 0, 2);
    all.push_back(chosen.index_select(0, (sides > 0).all(1).nonzero().flatten()));
  }
  return all;
}

std::pair<Tensor, Tensor> DetectionHead::classify(size_t stage, const std::vector<PyramidLevel>& pyramid,
                                                  const Tensor& boxes, const std::vector<int64_t>& images) const {
  const std::vector<PyramidLevel> four(pyramid.begin(), pyramid.begin() + 4);
  const BoxHead& head = stages_[stage];
  Tensor x = roi_align(four, boxes, images, pyramid_levels(boxes, four), kBins);
  for (const auto& conv : head.convs) x = conv(x).relu();
  const Tensor hidden = head.hidden(x.flatten(1)).to(at::kFloat).relu();
  return {head.classes(hidden).to(at::kFloat), head.deltas(hidden).to(at::kFloat)};
}

std::map<std::string, Tensor> DetectionHead::losses(const Tensor& tokens, int64_t size,
                                                    const std::vector<ObjectTargets>& targets, uint64_t seed,
                                                    const ProcessGroup& group) const {
  const auto patch = static_cast<double>(size / tokens.size(1));
  const std::vector<PyramidLevel> pyramid = pyramid_(tokens, patch);
  const Anchors all = anchors(pyramid);
  const RpnOutput rpn = region_proposals(pyramid);
  const auto batch = static_cast<int64_t>(targets.size());
  const Tensor zero = (rpn.objectness.sum() + rpn.deltas.sum()) * 0;  // each tensor has a gradient
  std::map<std::string, Tensor> losses{{"rpn_class", zero}, {"rpn_box", zero}};
  const double anchors_of_loss = kAnchorsOfLoss * whole(static_cast<double>(batch), group);
  for (int64_t b = 0; b < batch; ++b) {
    const ObjectTargets& target = targets[b];
    const bool any = target.boxes.size(0) > 0;
    Tensor labels = at::zeros({all.boxes.size(0)}, at::kLong), match;
    if (any) {
      const Tensor overlaps = box_overlaps(target.boxes.to(all.boxes.device()), all.boxes);  // [n, A]
      const auto [best, of] = overlaps.max(0);
      match = of;
      // The anchors that fit an object best count too, however little they overlap it.
      const Tensor most = std::get<0>(overlaps.max(1, /*keepdim=*/true));
      const Tensor fits = at::logical_and(overlaps == most, most > 0).any(0);
      labels = at::where(at::logical_or(best >= kForeground, fits), 1, at::where(best < kBackground, 0, -1));
    }
    const Drawn drawn = draw(labels, kAnchorsOfLoss, kPositiveAnchors, Random(seed, {target.sample, 0}));
    const auto bce = [&](const std::vector<int64_t>& rows, double sign) {
      return rows.empty() ? zero : at::softplus(at_rows(rpn.objectness[b], rows) * -sign).sum();
    };
    losses["rpn_class"] = losses["rpn_class"] + (bce(drawn.positive, 1) + bce(drawn.negative, -1)) / anchors_of_loss;
    if (drawn.positive.empty()) continue;
    const Tensor matched = target.boxes.to(all.boxes.device()).index_select(0, at_rows(match, drawn.positive));
    const Tensor wanted = encode_boxes(at_rows(all.boxes, drawn.positive), matched, kAnchorWeights);
    losses["rpn_box"] =
        losses["rpn_box"] + (at_rows(rpn.deltas[b], drawn.positive) - wanted).abs().sum() / anchors_of_loss;
  }
  std::vector<Tensor> boxes = proposals(rpn, all, size);
  for (int64_t b = 0; b < batch; ++b) boxes[b] = at::cat({boxes[b], targets[b].boxes.to(boxes[b].device())});
  for (size_t stage = 0; stage < kStages; ++stage) {
    // Boxes of each image with their labels (classes_: none) and the objects that they should be.
    std::vector<Tensor> chosen, labels, wanted;
    std::vector<int64_t> images;
    for (int64_t b = 0; b < batch; ++b) {
      const ObjectTargets& target = targets[b];
      const Tensor own = boxes[b];
      Tensor label = at::full({own.size(0)}, classes_, at::kLong), object = own;
      if (target.boxes.size(0) > 0 && own.size(0) > 0) {
        const auto [best, of] = box_overlaps(target.boxes.to(own.device()), own).max(0);
        const Tensor found = (best >= kStageOverlaps[stage]).to(at::kCPU);
        label = at::where(found, at::tensor(target.labels, at::kLong).index_select(0, of.to(at::kCPU)), classes_);
        object = target.boxes.to(own.device()).index_select(0, of);
      }
      std::vector<int64_t> rows(static_cast<size_t>(own.size(0)));
      for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
      if (stage == 0) {
        const Drawn drawn =
            draw((label < classes_).to(at::kLong), kBoxesOfLoss, kPositiveBoxes, Random(seed, {target.sample, 1}));
        rows = drawn.positive;
        rows.insert(rows.end(), drawn.negative.begin(), drawn.negative.end());
      }
      chosen.push_back(at_rows(own, rows));
      labels.push_back(at_rows(label, rows));
      wanted.push_back(at_rows(object, rows));
      images.insert(images.end(), rows.size(), b);
    }
    const Tensor in = at::cat(chosen).detach(), label = at::cat(labels), object = at::cat(wanted);
    const double count = whole(static_cast<double>(in.size(0)), group);
    const auto [logits, deltas] = classify(stage, pyramid, in, images);
    const std::string name = "stage" + std::to_string(stage);
    const Tensor truth = label.to(logits.device());
    losses[name + "_class"] = -logits.log_softmax(1).gather(1, truth.unsqueeze(1)).sum() / count;
    const Tensor positive = (truth < classes_).nonzero().flatten();
    const Tensor errors =
        deltas.index_select(0, positive) -
        encode_boxes(in.index_select(0, positive), object.index_select(0, positive), kStageWeights[stage]);
    losses[name + "_box"] = errors.abs().sum() / count;
    // The next stage starts from the refined boxes that are not empty.
    const Tensor refined =
        clipped_boxes(decode_boxes(in, deltas.detach(), kStageWeights[stage]), static_cast<double>(size));
    int64_t first = 0;
    for (int64_t b = 0; b < batch; first += chosen[b].size(0), ++b) {
      const Tensor own = refined.slice(0, first, first + chosen[b].size(0));
      boxes[b] = own.index_select(0, (own.slice(1, 2) > own.slice(1, 0, 2)).all(1).nonzero().flatten());
    }
  }
  return losses;
}

std::vector<DetectedObjects> DetectionHead::detect(const Tensor& tokens, int64_t size) const {
  const NoGradGuard no_grad;
  const std::vector<PyramidLevel> pyramid = pyramid_(tokens, static_cast<double>(size / tokens.size(1)));
  const std::vector<Tensor> start = proposals(region_proposals(pyramid), anchors(pyramid), size);
  std::vector<DetectedObjects> results;
  for (size_t b = 0; b < start.size(); ++b) {
    Tensor boxes = start[b], probabilities;
    const std::vector<int64_t> images(static_cast<size_t>(boxes.size(0)), static_cast<int64_t>(b));
    DetectedObjects found{at::zeros({0, 4}), {}, {}};
    if (!images.empty()) {
      for (size_t stage = 0; stage < kStages; ++stage) {
        const auto [logits, deltas] = classify(stage, pyramid, boxes, images);
        const Tensor own = logits.softmax(1) / static_cast<double>(kStages);
        probabilities = probabilities.defined() ? probabilities + own : own;
        boxes = clipped_boxes(decode_boxes(boxes, deltas, kStageWeights[stage]), static_cast<double>(size));
      }
      const Tensor places = (probabilities.slice(1, 0, classes_) > kLeastScore).nonzero();  // [n, 2]: box and class
      const Tensor rows = places.select(1, 0), labels = places.select(1, 1);
      const Tensor candidates = boxes.index_select(0, rows);
      const Tensor scores = probabilities.index({rows, labels});
      auto kept = non_maximum_suppression(candidates, scores, labels, kFinalOverlap);
      if (static_cast<int64_t>(kept.size()) > kMostDetections) kept.resize(kMostDetections);
      found.boxes = at_rows(candidates, kept).to(at::kCPU);
      for (const int64_t i : kept) {
        found.scores.push_back(scores[i].item<double>());
        found.labels.push_back(labels[i].item<int64_t>());
      }
    }
    results.push_back(std::move(found));
  }
  return results;
}

}  // namespace fourm
