// How the evaluation and the gallery let a model answer.
#pragma once

#include "fourm/generate/pipeline.h"

namespace fourm {

/// The most likely answer: a grid in one step, a text word by word, without guidance.
Target most_likely(const Modality& modality);
/// A map drawn in 12 steps, more and more surely, with guidance.
Target painted(const Modality& modality);
/// An image painted from little, from the coarse to the fine (paper appendix A.3, chained generation): what is
/// where, then how far it is, then the image. Maps that are given, or that the model does not write, are left out.
std::vector<Target> painting(const Pipeline& pipeline, const std::string& image, const std::vector<std::string>& given);

/// Makes the targets one after the other, each from what is known by then.
void answer_in_turn(const Pipeline& pipeline, std::vector<Canvas>& canvases, const std::vector<Target>& targets,
                    uint64_t seed);

/// Makes the targets in turn on each of the n canvases that `start` gives. What comes back holds the last target only.
std::vector<Canvas> answer(const Pipeline& pipeline, size_t n, const std::function<Canvas(size_t)>& start,
                           const std::vector<Target>& targets, uint64_t seed);

}  // namespace fourm
