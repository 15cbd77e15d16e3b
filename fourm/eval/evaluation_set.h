// A data set for evaluation as one model reads it: inputs, and the ground truth of the outputs.
#pragma once

#include <map>

#include "fourm/dist/process_group.h"
#include "fourm/eval/box_comparison.h"
#include "fourm/eval/scene_measures.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

/// A modality of the data set that the model reads or generates, by its names in both.
struct EvaluatedModality {
  std::string
      name;  ///< the data set's folder: "rgb", "depth", "normal", "semseg", "clip", "caption", "det", or another
  std::string input;       ///< "rgb@128"; pixels rather than tokens; empty: the model does not read it
  std::string output;      ///< "tok_rgb@128"; empty: the model does not generate it, or it has no tokenizer
  bool as_tokens = false;  ///< it has no measure of its own: its tokens are compared (token_comparison.h)

  /// Whether the model generates it and it is not among the inputs.
  bool is_target(const std::vector<std::string>& inputs) const;
};

struct EvaluationSample {
  Canvas inputs;   ///< what the model reads
  Canvas ceiling;  ///< the ground truth as tokens of the outputs: what a perfect model generates
  std::map<std::string, StoredImage> images;  ///< ground truth by name, at the model's size
  Boxes boxes;  ///< ground truth: those of score 0.6 or more inside the square that the model reads, cut to it
  std::vector<std::string> captions;  ///< all of them
  std::string caption;                ///< the last one: in Rooms the most detailed
  SceneObjects scene;
};

struct EvaluationSet {
  std::vector<EvaluatedModality> modalities;
  std::vector<Unmeasured> not_measured;  ///< outputs without ground truth or measure, and folders that are no output
  bool scenes = false;                   ///< the data set has a folder scene (scene_measures.h)
  std::vector<std::string> classes;      ///< names of the labels of semseg; empty: dataset.yaml lists none
  std::vector<EvaluationSample> samples;
  int64_t left_out = 0;  ///< samples before the last of `samples` that lack a file or cannot be read

  const EvaluatedModality& input(const std::string& name) const;   ///< Error naming the inputs on an unknown name
  const EvaluatedModality* output(const std::string& name) const;  ///< null when the model does not generate it

  /// Whether the model reads the images and generates semantic maps, both of the data set.
  bool has_segmentation() const;

  /// The input modalities for the target: names joined by '+', or "all" but the target. Error on an unknown name.
  std::vector<std::string> inputs(const std::string& input_set, const std::string& target) const;
  /// Sample i with those modalities only.
  Canvas canvas(size_t i, const std::vector<std::string>& inputs) const;

  /// The first `count` samples of folders or shards (data/source.h) that have all modalities. Samples that lack one or have
  /// a broken file are left out with one warning. Texts of more tokens than the model reads are cut with one warning.
  /// Error when fewer than two samples are left, and, before any is read, on an unknown name in `input_sets`. GroupError when
  /// a process of the group reads other samples.
  static EvaluationSet read(const Pipeline& pipeline, const fs::path& data, int64_t count,
                            const std::vector<std::string>& input_sets = {}, const ProcessGroup& group = {});
};

}  // namespace fourm
