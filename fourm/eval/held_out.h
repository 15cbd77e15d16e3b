// A held-out data set as one model sees it: inputs for the model and the ground truth of its outputs.
#pragma once

#include "fourm/eval/box_comparison.h"
#include "fourm/eval/scene_measures.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

/// What a data set and a model have in common, and the modalities by which the model reads and writes it.
struct Subject {
  std::string name;    ///< the data set's folder: "rgb", "depth", "normal", "semseg", "clip", "caption", "det"
  std::string input;   ///< "rgb@128"; pixels rather than tokens; empty: the model does not read it
  std::string output;  ///< "tok_rgb@128"; empty: the model does not write it, or it has no tokenizer

  /// Whether the model writes it and it is not among the inputs.
  bool is_target(const std::vector<std::string>& inputs) const;
};

struct HeldOutSample {
  Canvas inputs;   ///< what the model reads
  Canvas ceiling;  ///< the ground truth as tokens of what the model writes: what a perfect model generates
  std::map<std::string, StoredImage> images;  ///< ground truth by subject, at the model's size
  Boxes boxes;  ///< ground truth: those of score 0.6 or more inside the square that the model sees, cut to it
  std::vector<std::string> captions;  ///< all of them
  std::string caption;                ///< the last one: in Rooms the most detailed
  SceneObjects scene;
};

struct HeldOut {
  std::vector<Subject> subjects;
  std::vector<Unmeasured> not_measured;  ///< outputs without ground truth or measure, and folders that are no output
  bool scenes = false;                   ///< the data set has a folder scene (scene_measures.h)
  std::vector<std::string> classes;      ///< names of the labels of semseg; empty: dataset.yaml lists none
  std::vector<HeldOutSample> samples;
  int64_t left_out = 0;  ///< samples before the last of `samples` that lack a file or cannot be read

  const Subject& subject(const std::string& name) const;  ///< of an input; Error naming the inputs on an unknown name
  const Subject* output(const std::string& name) const;   ///< null when the model does not write it

  /// Whether the model reads the images and writes semantic maps, both of the data set.
  bool has_segmentation() const;

  /// The input modalities for the target: subjects joined by '+', or "all" but the target. Error on an unknown subject.
  std::vector<std::string> inputs(const std::string& set, const std::string& target) const;
  /// Sample i with those modalities only.
  Canvas canvas(size_t i, const std::vector<std::string>& inputs) const;

  /// The first `count` samples of folders or shards (data/source.h) that have all subjects. Samples that lack one or have
  /// a broken file are left out with one warning. Texts of more tokens than the model reads are cut with one warning.
  /// Error when fewer than two samples are left, and, before any is read, on an unknown subject in `sets` of inputs.
  static HeldOut read(const Pipeline& pipeline, const fs::path& data, int64_t count,
                      const std::vector<std::string>& sets = {});
};

}  // namespace fourm
