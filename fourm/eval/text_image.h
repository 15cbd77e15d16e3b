// Agreement of generated images with the captions that they were generated from, by an image-text model.
#pragma once

#include "fourm/clip/image_text.h"
#include "fourm/eval/comparison.h"

namespace fourm {

/// Two measures over samples: the cosine of each generated image and its caption, and the fraction of the other captions
/// whose cosine with the image is lower (an equal one counts as half). A caption with the same words is not another one.
/// The ceiling is the score of the true images reconstructed by the tokenizer. The baseline pairs each image with the
/// captions of the others, as for a generator that ignores its prompt: their mean cosine, and one half. Samples without
/// other captions are left out of the fraction.
std::vector<Comparison> compare_text_image(const std::vector<Embedding>& generated, const std::vector<Embedding>& truth,
                                           const std::vector<Embedding>& texts,
                                           const std::vector<std::string>& captions);

}  // namespace fourm
