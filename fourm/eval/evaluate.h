// `fourm eval`: how well a model predicts each modality of a held-out data set from others.
#pragma once

#include "fourm/dist/process_group.h"
#include "fourm/eval/comparison.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

struct EvaluateOptions {
  std::string data;
  int64_t count = 200;
  uint64_t seed = 0;
  std::vector<std::string> inputs{"rgb"};
  std::string image_text{}, plan{};
  bool align_depth = false;

  template <class Visitor>
  void fields(Visitor& v) {
    v("data", data, "data set with ground truth: one folder, or shards, for each modality (docs/data.md)");
    v("inputs", inputs,
      "input sets, one evaluation each, separated by commas; a set is modalities joined by + (rgb, depth, "
      "rgb+caption), "
      "or all: every modality but the target");
    v("count", count, "samples, from the first; those that lack a file are left out. Models with a head: default all",
      Range{2, 1'000'000});
    v("image_text", image_text,
      "image-text model that evaluates generated images by their captions; default MODEL/clip");
    v("plan", plan,
      "generation plan whose last target is the image (docs/generation-settings.md); default: the model's default "
      "settings");
    v("align_depth", align_depth, "measure depth after the scale and shift that fit each image best");
    v("seed", seed, "seed of sampled images and of the bootstrap");
  }
};

struct EvaluationResult {
  /// The measures of all targets that are not in one input set.
  struct InputSet {
    std::string inputs;  ///< as in EvaluateOptions::inputs
    std::vector<Comparison> measures;
  };

  std::string data;
  int64_t samples = 0;
  int64_t left_out = 0;  ///< samples that lack a file or have a broken one
  std::vector<InputSet> input_sets;
  std::vector<Unmeasured> not_measured;
};

/// Evaluates each input set. Maps, boxes and captions are the most likely predictions; images are sampled. An empty
/// `image_text` means that no image-text model evaluates images. Error when nothing can be measured, and, before samples
/// are read, on an unknown input.
///
/// With a group of several processes, predictions of samples are split over them; all get the result, which is that of one
/// process.
EvaluationResult evaluate(const Pipeline& pipeline, const EvaluateOptions& options, const ProcessGroup& group = {});

/// A way to generate an image, and its name.
struct ImagePlan {
  std::string name;
  Plan plan;  ///< the last target is the image
};

/// The measures of the images that each plan generates from the only input set of the options. The result has an input
/// set for each plan, of its name. Error when there is not one input set, and when images cannot be measured.
EvaluationResult evaluate_images(const Pipeline& pipeline, const EvaluateOptions& options,
                                 const std::vector<ImagePlan>& plans, const ProcessGroup& group = {});

}  // namespace fourm
