// How the evaluation and the demo generate predictions.
#pragma once

#include <functional>

#include "fourm/dist/process_group.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

// With a group of several processes, samples are split over them, and all get the results of all samples.

/// The most likely prediction: a grid in one step, a text token by token, without guidance.
Target most_likely(const Modality& modality);

/// The targets one after the other, each from those before it too, with top-p 0.8.
Plan in_order(const std::vector<Target>& targets);

/// The labels that the model predicts, one map an image: the most likely `labels`, given the image as `input` (both modalities).
std::vector<Raster<uint8_t>> segment(const Pipeline& pipeline, const std::string& input, const std::string& labels,
                                     const std::vector<StoredImage>& images, uint64_t seed,
                                     const ProcessGroup& group = {});

/// Runs the plan on each of the n canvases that `start` returns. The result holds the last target only.
std::vector<Canvas> predict(const Pipeline& pipeline, size_t n, const std::function<Canvas(size_t)>& start,
                            const Plan& plan, uint64_t seed, const ProcessGroup& group = {});
/// The same with the targets in order.
std::vector<Canvas> predict(const Pipeline& pipeline, size_t n, const std::function<Canvas(size_t)>& start,
                            const std::vector<Target>& targets, uint64_t seed, const ProcessGroup& group = {});

/// The images of the modality on the n canvases that `canvas` returns.
std::vector<StoredImage> decode_images(const Pipeline& pipeline, size_t n,
                                       const std::function<const Canvas&(size_t)>& canvas, const std::string& modality,
                                       const ProcessGroup& group = {});

/// The tokens of a prediction or of the truth, without padding; kUnknownToken where the canvas does not know them.
std::vector<int64_t> tokens_of(const Pipeline& pipeline, const Canvas& canvas, const Modality& modality);

}  // namespace fourm
