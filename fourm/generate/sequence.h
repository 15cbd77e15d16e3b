// Text and other sequences, left to right, with a KV cache and speculative decoding.
#pragma once

#include "fourm/generate/generator.h"

namespace fourm {

/// Generates the step's target on all canvases. The encoder runs once, and keys and values of cross-attention are computed
/// once. Finished canvases leave the batch. The generated tokens are merged into the known text (a hole takes the tokens
/// after its sentinel) and become known. Rows report the generated tokens without the first sentinel.
///
/// The last active canvas is decoded speculatively if the options have a draft model. The result is the same with and
/// without it.
std::vector<StepReport::Row> sequence_step(const FourM& model, const Step& step, int64_t index,
                                           std::vector<Canvas>& canvases, const GenerateOptions& options);

}  // namespace fourm
