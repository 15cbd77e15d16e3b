// Does a painted image fit the words that it was painted from? An image-text model judges.
#pragma once

#include "fourm/clip/image_text.h"
#include "fourm/eval/comparison.h"

namespace fourm {

/// Two measures over samples: the cosine of each painted image and its caption, and the share of the other captions
/// that fit the image less well than its own (of equally fitting ones half). Captions of the same words are not
/// others. The ceiling is of the true images through the tokenizer; the baseline takes for each image the captions
/// of the others, as a painter that does not listen would get: the mean cosine, and a half. Samples without other
/// captions are left out of the share.
std::vector<Comparison> compare_text_image(const std::vector<Embedding>& painted, const std::vector<Embedding>& truth,
                                           const std::vector<Embedding>& texts,
                                           const std::vector<std::string>& captions);

}  // namespace fourm
