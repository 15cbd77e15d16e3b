// Detection on the tokens of a plain encoder, as ViTDet has it (Li et al. 2022; paper D.3): a simple feature pyramid, a region
// proposal network and a cascade of three box heads (Cai and Vasconcelos 2018).
//
//   tokens [B, h, w, D] -> maps of strides 4, 8, 16, 32, 64 -> proposals -> boxes and classes, refined three times
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "fourm/dist/process_group.h"
#include "fourm/nn/layers.h"
#include "fourm/transfer/box_geometry.h"
#include "fourm/transfer/config.h"
#include "fourm/transfer/roi_align.h"

namespace fourm {

/// The objects of one image, in pixels of the square that the encoder reads.
struct ObjectTargets {
  Tensor boxes;                 ///< [n, 4]
  std::vector<int64_t> labels;  ///< [n]
  uint64_t sample = 0;          ///< number in the run, by which proposals are drawn
};

struct DetectedObjects {
  Tensor boxes;                ///< [n, 4], best first
  std::vector<double> scores;  ///< [n]
  std::vector<int64_t> labels;
};

/// A convolution with a norm over channels. [B, C, H, W]
struct NormedConv {
  Tensor weight;  // [out, in, k, k]
  LayerNorm norm;
  NormedConv() = default;
  NormedConv(const Scope& scope, int64_t in, int64_t out, int64_t kernel);
  Tensor operator()(const Tensor& x) const;
};

/// Maps of strides 4 to 64 from the one map of the encoder.
struct FeaturePyramid {
  Tensor up2, up2_bias, up4, up4_bias, up4_again, up4_again_bias;  // transposed convolutions
  LayerNorm up4_norm;
  std::vector<NormedConv> reduce, smooth;
  FeaturePyramid() = default;
  FeaturePyramid(const Scope& scope, int64_t width, int64_t channels);
  std::vector<PyramidLevel> operator()(const Tensor& tokens, double patch) const;
};

class DetectionHead {
 public:
  DetectionHead() = default;
  DetectionHead(const Scope& scope, int64_t width, int64_t classes, const HeadConfig& config);

  /// The losses by name, each the share of this process; their sum is the loss. `size`: pixels a side of the square.
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
  Anchors anchors(const std::vector<PyramidLevel>& pyramid) const;
  RpnOutput region_proposals(const std::vector<PyramidLevel>& pyramid) const;
  std::vector<Tensor> proposals(const RpnOutput& rpn, const Anchors& anchors, int64_t size) const;
  // Class logits [N, K + 1] (the last is none) and deltas [N, 4] of boxes of images.
  std::pair<Tensor, Tensor> classify(size_t stage, const std::vector<PyramidLevel>& pyramid, const Tensor& boxes,
                                     const std::vector<int64_t>& images) const;

  int64_t classes_ = 0;
  double anchor_size_ = 8;
  FeaturePyramid pyramid_;
  std::vector<NormedConv> rpn_;
  Linear rpn_objectness_, rpn_deltas_;
  std::vector<BoxHead> stages_;
};

}  // namespace fourm
