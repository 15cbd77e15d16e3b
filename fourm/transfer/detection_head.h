// Detection and instance segmentation on the tokens of a plain encoder, as ViTDet has them (Li et al. 2022; paper D.3): a simple
// feature pyramid, a region proposal network, a cascade of three box heads (Cai and Vasconcelos 2018) and a mask head.
//
//   tokens [B, h, w, D] -> maps of strides 4, 8, 16, 32, 64 -> proposals -> boxes and classes, refined three times -> masks
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "fourm/dist/process_group.h"
#include "fourm/nn/layers.h"
#include "fourm/transfer/box_geometry.h"
#include "fourm/transfer/config.h"
#include "fourm/transfer/mask_head.h"

namespace fourm {

/// The objects of one image, in pixels of the square that the encoder reads.
struct ObjectTargets {
  Tensor boxes;                 ///< [n, 4] left, top, right, bottom, in pixels
  std::vector<int64_t> labels;  ///< [n], 0 to K - 1
  uint64_t sample = 0;          ///< number in the run, by which proposals are drawn
  Tensor masks{};               ///< [n, size, size] bytes, 1 inside; for a head that predicts masks
};

struct DetectedObjects {
  Tensor boxes;                ///< [n, 4] in pixels, best first
  std::vector<double> scores;  ///< [n], 0 to 1
  std::vector<int64_t> labels;
  Tensor masks{};  ///< [n, kMaskSide, kMaskSide] probabilities over the boxes; undefined without a mask head
};

class DetectionHead {
 public:
  DetectionHead() = default;
  /// K = class_count.
  DetectionHead(const Scope& scope, int64_t width, int64_t class_count, const HeadConfig& config);

  /// tokens [B, h, w, D] of squares of `size` pixels. The losses by name, each the share of this process; their sum is the loss.
  std::map<std::string, Tensor> losses(const Tensor& tokens, int64_t size, const std::vector<ObjectTargets>& targets,
                                       uint64_t seed, const ProcessGroup& group = {}) const;
  /// At most 100 objects of each image.
  std::vector<DetectedObjects> detect(const Tensor& tokens, int64_t size) const;

 private:
  struct Anchors {
    Tensor boxes;                 // [A, 4] of all levels
    std::vector<int64_t> counts;  // by level
  };
  struct BoxHead {
    std::vector<NormedConv> convs;
    Linear hidden, classes, deltas;
  };
  // Of each anchor: objectness logits [B, A] and box deltas [B, A, 4].
  struct RpnOutput {
    Tensor objectness, deltas;
  };
  // The boxes that a stage is trained on, image after image: boxes [N, 4]; labels [N], K for background; matched_boxes [N, 4],
  // the ground truth that each box is matched with (itself without one).
  struct StageBoxes {
    Tensor boxes, labels, matched_boxes;
    std::vector<int64_t> images, objects;  // [N]; an object of the image
    std::vector<int64_t> counts;           // of each image
  };
  using Losses = std::map<std::string, Tensor>;

  Anchors anchors(const std::vector<PyramidLevel>& pyramid) const;
  RpnOutput rpn_output(const std::vector<PyramidLevel>& pyramid) const;
  std::vector<Tensor> proposals(const RpnOutput& rpn, const Anchors& anchors, int64_t size) const;
  // Class logits [N, K + 1] (the last is background) and deltas [N, 4] of boxes of images.
  std::pair<Tensor, Tensor> classify(size_t stage, const std::vector<PyramidLevel>& pyramid, const Tensor& boxes,
                                     const std::vector<int64_t>& images) const;
  // Mask logits [N, kMaskSide, kMaskSide] of the given classes.
  Tensor mask_logits(const std::vector<PyramidLevel>& pyramid, const Tensor& boxes, const std::vector<int64_t>& images,
                     const Tensor& labels) const;

  void add_proposal_losses(Losses& losses, const RpnOutput& rpn, const Anchors& all,
                           const std::vector<ObjectTargets>& targets, uint64_t seed, const ProcessGroup& group) const;
  StageBoxes stage_boxes(size_t stage, const std::vector<Tensor>& boxes, const std::vector<ObjectTargets>& targets,
                         uint64_t seed) const;
  Tensor mask_loss(const std::vector<PyramidLevel>& pyramid, const StageBoxes& in,
                   const std::vector<ObjectTargets>& targets, const ProcessGroup& group) const;

  int64_t classes_ = 0;
  HeadConfig config_;
  FeaturePyramid pyramid_;
  std::vector<NormedConv> rpn_;
  Linear rpn_objectness_, rpn_deltas_;
  std::vector<BoxHead> stages_;
  std::optional<MaskHead> masks_;
};

}  // namespace fourm
