// The forward passes of a guided step: the inputs of each pass, and the combination of their logits (paper appendix A.3;
// the original's fourm/models/generate.py, guided_*_step_batched).
#pragma once

#include "fourm/generate/canvas.h"
#include "fourm/generate/generator.h"

namespace fourm {

/// One pass over a canvas: all its inputs except the entries named here.
struct Pass {
  std::vector<std::string> emptied;  ///< replaced by an empty input: a text by one [S_1], vectors by one zero
  std::vector<std::string> absent;   ///< left out
  double weight = 1;
};

/// Conditional passes first, the base last; a single pass when guidance is off.
std::vector<Pass> passes_of(const Guidance& guidance);

/// Adds what the encoder reads of a canvas in a pass, as one sample.
void add_inputs(const FourM& model, const Canvas& canvas, const Pass& pass, const SequenceIds& ids,
                EncoderPacker& packer);
/// Whether the encoder reads the same of two canvases in a pass.
bool same_inputs(const FourM& model, const Canvas& a, const Canvas& b, const Pass& pass);

/// All canvases under all passes, pass by pass, in one packed batch.
EncoderBatch pack_inputs(const FourM& model, const std::vector<const Canvas*>& canvases,
                         const std::vector<Pass>& passes, const SequenceIds& ids);

/// logits [P * n, V], pass by pass -> one tensor [n, V] a pass.
std::vector<Tensor> split_passes(const Tensor& logits, size_t passes);

/// base + sum_i weight_i (logits_i - base); the logits themselves for a single pass. Error when they are not finite.
Tensor combine(const std::vector<Tensor>& logits, const std::vector<Pass>& passes, const std::string& target);

}  // namespace fourm
