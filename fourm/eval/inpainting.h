// In-painting measured: of each image a part is kept, the rest is generated and compared with the true rest (paper section 4).
#pragma once

#include "fourm/eval/evaluate.h"

namespace fourm {

/// Images of which the region `keep` (generate/keep_region.h) is given as tokens, with the inputs of the options beside it,
/// and images that are generated unconditionally, as the two input sets "kept ..." and "unconditional". Measures, of the
/// pixels that no kept token covers: PSNR, and mIoU of the model's own semantic maps of the images where the data set has
/// them. The ceiling is the true image reconstructed by its tokenizer, the baseline the mean of "unconditional". Error when
/// the model neither reads nor generates RGB tokens, and on a region that keeps all or nothing.
EvaluationResult evaluate_inpainting(const Pipeline& pipeline, const EvaluateOptions& options, const std::string& keep,
                                     const ProcessGroup& group = {});

}  // namespace fourm
