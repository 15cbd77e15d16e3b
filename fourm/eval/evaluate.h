// `fourm eval`: how well a model makes each modality of a held-out data set from others.
#pragma once

#include "fourm/core/json.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

struct EvaluateOptions {
  /// Folders or shards rgb, depth, normal, semseg, caption, det, scene as `fourm rooms` writes them, and clip.
  fs::path data;
  int64_t count = 200;  ///< samples, from the first that has all subjects
  uint64_t seed = 0;    ///< of what is drawn
  /// What is given: subjects joined by '+', or "all": everything but what is asked for.
  std::vector<std::string> inputs{"rgb"};
  fs::path image_text{};  ///< image-text model that judges painted images by their captions; empty: none does
};

/// For each input set the measures of each output that is not in it (see the comparisons for measures, ceilings and
/// baselines): {"data", "samples", "left_out", "inputs": [{"given", "measures": [...]}], "not_measured": [{"what", "reason"}]}. Maps,
/// boxes and captions are the model's most likely answers; images are painted by drawing. Error when there is nothing to
/// measure, and on an unknown input before samples are read.
Json evaluate(const Pipeline& pipeline, const EvaluateOptions& options);

}  // namespace fourm
