#include "fourm/transfer/detection_head.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

// Numbers of ViTDet's configuration in Detectron2.
constexpr double kRatios[] = {0.5, 1, 2};  // of height to width of anchors
constexpr int64_t kRatioCount = 3;
constexpr double kProposalIou = 0.7, kForeground = 0.7, kBackground = 0.3;
constexpr int64_t kAnchorsOfLoss = 256;  // of an image
constexpr double kPositiveAnchors = 0.5, kPositiveBoxes = 0.25;
constexpr double kStageIou[] = {0.5, 0.6, 0.7};
constexpr size_t kStages = 3;
constexpr double kLeastScore = 0.05, kFinalIou = 0.5;
constexpr int64_t kMostDetections = 100;
constexpr int64_t kBins = 7;
constexpr BoxWeights kAnchorWeights{1, 1, 1, 1};
constexpr BoxWeights kStageWeights[] = {{10, 10, 5, 5}, {20, 20, 10, 10}, {30, 30, 15, 15}};

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

// The sum over processes, at least 1: a divisor.
double count_over_processes(double own, const ProcessGroup& group) {
  return std::max(1.0, group.all_reduce(std::vector<double>{own})[0]);
}

// x, whose gradient is multiplied by `factor`.
Tensor scaled_gradient(const Tensor& x, double factor) { return x * factor + (x * (1 - factor)).detach(); }

}  // namespace

DetectionHead::DetectionHead(const Scope& scope, int64_t width, int64_t class_count, const HeadConfig& config)
    : classes_(class_count), config_(config), pyramid_(scope["pyramid"], width, config.width) {
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
    head.classes = small(stage["classes"], config.hidden, class_count + 1);
    head.deltas = small(stage["deltas"], config.hidden, 4);
    stages_.push_back(std::move(head));
  }
  if (config.masks) masks_.emplace(scope["masks"], channels, class_count);
}

DetectionHead::Anchors DetectionHead::anchors(const std::vector<PyramidLevel>& pyramid) const {
  Anchors result;
  std::vector<float> corners;
  for (const auto& level : pyramid) {
    const int64_t h = level.map.size(2), w = level.map.size(3);
    for (int64_t y = 0; y < h; ++y)
      for (int64_t x = 0; x < w; ++x)
        for (const double ratio : kRatios) {
          const double width = config_.anchor_size * level.stride / std::sqrt(ratio), height = width * ratio;
          const double cx = static_cast<double>(x) * level.stride, cy = static_cast<double>(y) * level.stride;
          for (const double value : {cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2})
            corners.push_back(static_cast<float>(value));
        }
    result.counts.push_back(h * w * kRatioCount);
  }
  result.boxes = at::tensor(corners).view({-1, 4}).to(pyramid[0].map.device());
  return result;
}

DetectionHead::RpnOutput DetectionHead::rpn_output(const std::vector<PyramidLevel>& pyramid) const {
  std::vector<Tensor> objectness, deltas;
  for (const auto& level : pyramid) {
    Tensor x = level.map;
    for (const auto& conv : rpn_) x = conv(x).relu();
    const int64_t batch = x.size(0);
    objectness.push_back(each_position(rpn_objectness_, x).reshape({batch, -1}));
    deltas.push_back(each_position(rpn_deltas_, x).reshape({batch, -1, 4}));
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
          rpn.objectness[b].slice(0, first, first + count).topk(std::min(config_.proposals, count), 0);
      const Tensor rows = index + first;
      boxes.push_back(clipped_boxes(
          decode_boxes(anchors.boxes.index_select(0, rows), rpn.deltas[b].index_select(0, rows), kAnchorWeights),
          static_cast<double>(size)));
      scores.push_back(best);
      levels.push_back(at::full({best.size(0)}, static_cast<int64_t>(level), index.options()));
    }
    const Tensor candidates = at::cat(boxes);
    auto kept = non_maximum_suppression(candidates, at::cat(scores), at::cat(levels), kProposalIou);
    if (static_cast<int64_t>(kept.size()) > config_.proposals) kept.resize(static_cast<size_t>(config_.proposals));
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
  // The losses of the stages are added; each stage has its share of the gradient of the features (Detectron2's CascadeROIHeads).
  if (c10::GradMode::is_enabled()) x = scaled_gradient(x, 1.0 / static_cast<double>(stages_.size()));
  for (const auto& conv : head.convs) x = conv(x).relu();
  const Tensor hidden = head.hidden(x.flatten(1)).to(at::kFloat).relu();
  return {head.classes(hidden).to(at::kFloat), head.deltas(hidden).to(at::kFloat)};
}

Tensor DetectionHead::mask_logits(const std::vector<PyramidLevel>& pyramid, const Tensor& boxes,
                                  const std::vector<int64_t>& images, const Tensor& labels) const {
  const std::vector<PyramidLevel> four(pyramid.begin(), pyramid.begin() + 4);
  const Tensor all = (*masks_)(roi_align(four, boxes, images, pyramid_levels(boxes, four), kMaskBins));
  return all.index({at::arange(all.size(0), labels.options()), labels});
}

void DetectionHead::add_proposal_losses(Losses& losses, const RpnOutput& rpn, const Anchors& all,
                                        const std::vector<ObjectTargets>& targets, uint64_t seed,
                                        const ProcessGroup& group) const {
  const Tensor zero = (rpn.objectness.sum() + rpn.deltas.sum()) * 0;  // each tensor has a gradient
  Tensor class_loss = zero, box_loss = zero;
  for (size_t b = 0; b < targets.size(); ++b) {
    const ObjectTargets& target = targets[b];
    const Tensor objectness = rpn.objectness[static_cast<int64_t>(b)], deltas = rpn.deltas[static_cast<int64_t>(b)];
    Tensor labels = at::zeros({all.boxes.size(0)}, at::kLong), match;
    if (target.boxes.size(0) > 0) {
      const Tensor iou = box_iou(target.boxes.to(all.boxes.device()), all.boxes);  // [n, A]
      const auto [best, of] = iou.max(0);
      match = of;
      // The anchors that fit an object best count too, however little they overlap it.
      const Tensor most = std::get<0>(iou.max(1, /*keepdim=*/true));
      const Tensor fits = at::logical_and(iou == most, most > 0).any(0);
      labels = at::where(at::logical_or(best >= kForeground, fits), 1, at::where(best < kBackground, 0, -1));
    }
    const Drawn drawn = draw(labels, kAnchorsOfLoss, kPositiveAnchors, Random(seed, {target.sample, 0}));
    const auto bce = [&](const std::vector<int64_t>& rows, double sign) {
      return rows.empty() ? zero : at::softplus(at_rows(objectness, rows) * -sign).sum();
    };
    class_loss = class_loss + bce(drawn.positive, 1) + bce(drawn.negative, -1);
    if (drawn.positive.empty()) continue;
    const Tensor matched = target.boxes.to(all.boxes.device()).index_select(0, at_rows(match, drawn.positive));
    const Tensor target_deltas = encode_boxes(at_rows(all.boxes, drawn.positive), matched, kAnchorWeights);
    box_loss = box_loss + (at_rows(deltas, drawn.positive) - target_deltas).abs().sum();
  }
  const double count = kAnchorsOfLoss * count_over_processes(static_cast<double>(targets.size()), group);
  losses["rpn_class"] = class_loss / count;
  losses["rpn_box"] = box_loss / count;
}

DetectionHead::StageBoxes DetectionHead::stage_boxes(size_t stage, const std::vector<Tensor>& boxes,
                                                     const std::vector<ObjectTargets>& targets, uint64_t seed) const {
  std::vector<Tensor> chosen, labels, matched;
  StageBoxes result;
  for (size_t b = 0; b < targets.size(); ++b) {
    const ObjectTargets& target = targets[b];
    const Tensor own = boxes[b];
    Tensor label = at::full({own.size(0)}, classes_, at::kLong), match = at::zeros({own.size(0)}, at::kLong);
    Tensor object = own;
    if (target.boxes.size(0) > 0 && own.size(0) > 0) {
      const auto [best, of] = box_iou(target.boxes.to(own.device()), own).max(0);
      const Tensor found = (best >= kStageIou[stage]).to(at::kCPU);
      match = of.to(at::kCPU);
      label = at::where(found, at::tensor(target.labels, at::kLong).index_select(0, match), classes_);
      object = target.boxes.to(own.device()).index_select(0, of);
    }
    std::vector<int64_t> rows(static_cast<size_t>(own.size(0)));
    std::iota(rows.begin(), rows.end(), int64_t{0});
    if (stage == 0) {
      const Drawn drawn = draw((label < classes_).to(at::kLong), config_.sampled_boxes, kPositiveBoxes,
                               Random(seed, {target.sample, 1}));
      rows = drawn.positive;
      rows.insert(rows.end(), drawn.negative.begin(), drawn.negative.end());
    }
    chosen.push_back(at_rows(own, rows));
    labels.push_back(at_rows(label, rows));
    matched.push_back(at_rows(object, rows));
    for (const int64_t row : rows) result.objects.push_back(match[row].item<int64_t>());
    result.images.insert(result.images.end(), rows.size(), static_cast<int64_t>(b));
    result.counts.push_back(static_cast<int64_t>(rows.size()));
  }
  result.boxes = at::cat(chosen).detach(), result.labels = at::cat(labels), result.matched_boxes = at::cat(matched);
  return result;
}

// Of the boxes of the first stage that are objects, as in Detectron2: the cascade refines boxes only.
Tensor DetectionHead::mask_loss(const std::vector<PyramidLevel>& pyramid, const StageBoxes& in,
                                const std::vector<ObjectTargets>& targets, const ProcessGroup& group) const {
  std::vector<int64_t> rows;
  std::vector<Tensor> truth;
  const auto* label = in.labels.data_ptr<int64_t>();
  for (int64_t first = 0, b = 0; b < static_cast<int64_t>(targets.size()); first += in.counts[b], ++b) {
    std::vector<int64_t> own, objects;
    for (int64_t i = first; i < first + in.counts[b]; ++i)
      if (label[i] < classes_) own.push_back(i), objects.push_back(in.objects[i]);
    if (own.empty()) continue;
    check(targets[b].masks.defined(), "[DetectionHead] objects without masks");
    truth.push_back(crop_masks(targets[b].masks, at_rows(in.boxes, own), objects, kMaskSide));
    rows.insert(rows.end(), own.begin(), own.end());
  }
  const double count = kMaskSide * kMaskSide * count_over_processes(static_cast<double>(rows.size()), group);
  std::vector<int64_t> images;
  for (const int64_t row : rows) images.push_back(in.images[row]);
  const Tensor boxes = at_rows(in.boxes, rows);
  const Tensor logits = mask_logits(pyramid, boxes, images, at_rows(in.labels, rows).to(boxes.device()));
  if (rows.empty()) return logits.sum();  // 0, so that each tensor has a gradient
  const Tensor target_masks = at::cat(truth).to(logits.device());
  return (at::softplus(logits) - logits * target_masks).sum() / count;  // binary cross-entropy
}

std::map<std::string, Tensor> DetectionHead::losses(const Tensor& tokens, int64_t size,
                                                    const std::vector<ObjectTargets>& targets, uint64_t seed,
                                                    const ProcessGroup& group) const {
  const std::vector<PyramidLevel> pyramid = pyramid_(tokens, static_cast<double>(size / tokens.size(1)));
  const Anchors all = anchors(pyramid);
  const RpnOutput rpn = rpn_output(pyramid);
  Losses losses;
  add_proposal_losses(losses, rpn, all, targets, seed, group);
  std::vector<Tensor> boxes = proposals(rpn, all, size);
  for (size_t b = 0; b < targets.size(); ++b) boxes[b] = at::cat({boxes[b], targets[b].boxes.to(boxes[b].device())});
  for (size_t stage = 0; stage < kStages; ++stage) {
    const StageBoxes in = stage_boxes(stage, boxes, targets, seed);
    if (stage == 0 && masks_) losses["mask"] = mask_loss(pyramid, in, targets, group);
    const double count = count_over_processes(static_cast<double>(in.boxes.size(0)), group);
    const auto [logits, deltas] = classify(stage, pyramid, in.boxes, in.images);
    const std::string name = concat("stage", stage);
    const Tensor truth = in.labels.to(logits.device());
    losses[name + "_class"] = -logits.log_softmax(1).gather(1, truth.unsqueeze(1)).sum() / count;
    const Tensor positive = (truth < classes_).nonzero().flatten();
    const Tensor errors = deltas.index_select(0, positive) - encode_boxes(in.boxes.index_select(0, positive),
                                                                          in.matched_boxes.index_select(0, positive),
                                                                          kStageWeights[stage]);
    losses[name + "_box"] = errors.abs().sum() / count;
    // The next stage starts from the refined boxes that are not empty.
    const Tensor refined =
        clipped_boxes(decode_boxes(in.boxes, deltas.detach(), kStageWeights[stage]), static_cast<double>(size));
    int64_t first = 0;
    for (size_t b = 0; b < targets.size(); first += in.counts[b], ++b) {
      const Tensor own = refined.slice(0, first, first + in.counts[b]);
      boxes[b] = own.index_select(0, (own.slice(1, 2) > own.slice(1, 0, 2)).all(1).nonzero().flatten());
    }
  }
  return losses;
}

std::vector<DetectedObjects> DetectionHead::detect(const Tensor& tokens, int64_t size) const {
  const NoGradGuard no_grad;
  const std::vector<PyramidLevel> pyramid = pyramid_(tokens, static_cast<double>(size / tokens.size(1)));
  const std::vector<Tensor> start = proposals(rpn_output(pyramid), anchors(pyramid), size);
  std::vector<DetectedObjects> results;
  for (size_t b = 0; b < start.size(); ++b) {
    Tensor boxes = start[b], probabilities;
    const std::vector<int64_t> images(static_cast<size_t>(boxes.size(0)), static_cast<int64_t>(b));
    DetectedObjects found{at::zeros({0, 4}), {}, {}, masks_ ? at::zeros({0, kMaskSide, kMaskSide}) : Tensor()};
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
      auto kept = non_maximum_suppression(candidates, scores, labels, kFinalIou);
      if (static_cast<int64_t>(kept.size()) > kMostDetections) kept.resize(kMostDetections);
      found.boxes = at_rows(candidates, kept).to(at::kCPU);
      for (const int64_t i : kept) {
        found.scores.push_back(scores[i].item<double>());
        found.labels.push_back(labels[i].item<int64_t>());
      }
      if (masks_ && !kept.empty()) {
        const std::vector<int64_t> of(kept.size(), static_cast<int64_t>(b));
        found.masks = mask_logits(pyramid, at_rows(candidates, kept), of, at_rows(labels, kept)).sigmoid().to(at::kCPU);
      }
    }
    results.push_back(std::move(found));
  }
  return results;
}

}  // namespace fourm
