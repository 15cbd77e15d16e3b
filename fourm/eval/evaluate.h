// `fourm eval`: how well a model reads pictures of a held-out data set, beside what its tokenizers allow and what a
// guess without looking gives.
#pragma once

#include "fourm/core/json.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

struct EvaluateOptions {
  fs::path data;          ///< folders rgb, depth, normal, semseg, caption, scene as `fourm rooms` writes them
  int64_t count = 200;    ///< samples, from the first
  int64_t batch = 25;
  uint64_t seed = 0;
};

/// Depth, normals, classes and captions from the picture alone, one greedy step a grid. Each measure: `model` (with the
/// half width of its 95 % interval), `ceiling` (the truth through the tokenizer), `baseline` (per-pixel mean depth and
/// normal, per-pixel most frequent class, most frequent largest object, all taken from the evaluated truth itself) and
/// `closed`, the share of the way from baseline to ceiling.
Json evaluate(const Pipeline& pipeline, const EvaluateOptions& options);

std::string evaluation_table(const Json& report);

}  // namespace fourm
