// Text and other sequences, left to right, with the self-attention cache.
#pragma once

#include "fourm/generate/generator.h"

namespace fourm {

/// Writes the step's target on all canvases: the encoder runs once, cross-attention keys and values are computed once,
/// each new token passes the decoder alone. Finished rows leave the batch. The answer is merged into the known text
/// (a hole takes the words after its sentinel) and becomes known. Rows report the raw tokens, starting sentinel left out.
std::vector<StepReport::Row> sequence_step(const FourM& model, const Step& step, int64_t index,
                                           std::vector<Canvas>& canvases, const GenerateOptions& options);

}  // namespace fourm
