// The passes of a guided step: what each of them sees of a canvas, and how their scores are combined.
#pragma once

#include "fourm/generate/canvas.h"
#include "fourm/generate/generator.h"

namespace fourm {

/// One pass over a canvas: everything but what it leaves out.
struct Pass {
  std::vector<std::string> emptied;  ///< guidance conditions taken away: a text keeps one [S_1], vectors one zero
  std::vector<std::string> absent;   ///< not seen at all
  double weight = 1;
};

/// Conditional passes first, the base last; a single pass when guidance is off.
std::vector<Pass> passes_of(const Guidance& guidance);

/// All canvases under all passes, pass by pass, in one packed batch.
EncoderBatch pack_inputs(const FourM& model, const std::vector<const Canvas*>& canvases,
                         const std::vector<Pass>& passes, const SequenceIds& ids);

/// scores [P * n, V], pass by pass -> one tensor [n, V] a pass.
std::vector<Tensor> split_passes(const Tensor& scores, size_t passes);

/// base + sum_i weight_i (scores_i - base); the scores themselves for a single pass. Error when they are not finite.
Tensor combine(const std::vector<Tensor>& scores, const std::vector<Pass>& passes, const std::string& target);

}  // namespace fourm
