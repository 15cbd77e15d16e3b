// Predicted captions against the true ones.
#pragma once

#include "fourm/eval/comparison.h"

namespace fourm {

/// CIDEr and BLEU-4 (coco/caption_scores.h). truth[i] holds the captions of sample i, one or more. `ceiling` is one of them as
/// the text tokenizer writes it, which is measured against all; the baseline predicts the last caption of the next sample.
std::vector<Comparison> compare_caption_words(const std::vector<std::string>& model,
                                              const std::vector<std::string>& ceiling,
                                              const std::vector<std::vector<std::string>>& truth, uint64_t seed);

}  // namespace fourm
