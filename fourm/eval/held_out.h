// A held-out data set as one model sees it: what can be given to the model, and the truth about what it writes.
#pragma once

#include "fourm/eval/box_comparison.h"
#include "fourm/eval/scene_measures.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

/// What a data set and a model have in common, and by which modalities the model reads and writes it.
struct Subject {
  std::string name;    ///< as the data set's folder: "rgb", "depth", "normal", "semseg", "clip", "caption", "det"
  std::string input;   ///< "rgb@128"; pixels rather than tokens; empty: is not read
  std::string output;  ///< "tok_rgb@128"; empty: is not written, or has no tokenizer

  /// The model writes it and it is not among what is given.
  bool asked(const std::vector<std::string>& inputs) const;
};

struct HeldOutSample {
  Canvas given;    ///< what the model reads
  Canvas ceiling;  ///< the truth as tokens of what the model writes: what a perfect model generates
  std::map<std::string, StoredImage> images;  ///< truth by subject, at the model's size
  Boxes boxes;          ///< truth: those of score 0.6 or more inside the square that the model sees, cut to it
  std::string caption;  ///< the last of its captions: in Rooms the most detailed
  SceneObjects scene;
};

/// Something that an evaluation leaves out, and why.
struct Unmeasured {
  std::string what;  ///< a modality of the model, or what the data set calls it
  std::string reason;
};

struct HeldOut {
  std::vector<Subject> subjects;
  std::vector<Unmeasured> unmeasured;  ///< what the model writes or the data set holds, and not both with all it takes
  bool scenes = false;                 ///< the data set has a folder scene (scene_measures.h)
  std::vector<std::string> classes;    ///< names of the labels of semseg; empty: dataset.yaml lists none
  std::vector<HeldOutSample> samples;
  int64_t left_out = 0;  ///< samples before the last of `samples` that lack a file or cannot be read

  const Subject& subject(const std::string& name) const;  ///< Error naming those that there are
  const Subject* written(const std::string& name) const;  ///< null when the model does not write it

  /// The modalities given when `target` is asked for: subjects joined by '+', or "all" but the target. Error on an
  /// unknown subject.
  std::vector<std::string> inputs(const std::string& set, const std::string& target) const;
  /// Sample i with those modalities only.
  Canvas canvas(size_t i, const std::vector<std::string>& inputs) const;

  /// The first `count` samples of folders or shards (data/source.h) that have all subjects. Samples that lack one, have a
  /// broken file, or a text of more tokens than the model reads are left out with one warning. Error when fewer than two
  /// samples are left, and, before any is read, on an unknown subject in `sets` of inputs.
  static HeldOut read(const Pipeline& pipeline, const fs::path& data, int64_t count,
                      const std::vector<std::string>& sets = {});
};

}  // namespace fourm
