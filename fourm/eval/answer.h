// How the evaluation and the gallery let a model answer.
#pragma once

#include "fourm/generate/pipeline.h"

namespace fourm {

/// The most likely answer: a grid in one step, a text word by word, without guidance.
Target most_likely(const Modality& modality);
/// A picture painted from little: drawn in 12 steps, more and more surely, with guidance.
Target painted(const Modality& modality);

/// Makes the targets one after the other, each from what is known by then.
void answer_in_turn(const Pipeline& pipeline, std::vector<Canvas>& canvases, const std::vector<Target>& targets,
                    uint64_t seed);

/// Makes the target alone from each of the n canvases that `start` gives. What comes back holds the target only.
std::vector<Canvas> answer(const Pipeline& pipeline, size_t n, const std::function<Canvas(size_t)>& start,
                           const Target& target, uint64_t seed);

}  // namespace fourm
