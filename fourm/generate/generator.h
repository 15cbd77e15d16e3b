// Any-to-any generation: runs a plan on a batch of canvases (paper section 4 and appendix A.3; the original's
// fourm/models/generate.py).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "fourm/generate/canvas.h"
#include "fourm/generate/draft_model.h"
#include "fourm/generate/plan.h"

namespace fourm {

/// The tokens of one step; a row per canvas.
struct StepReport {
  int64_t step, steps;  ///< index from 0, and number of steps
  const Step& what;
  struct Row {
    std::vector<int64_t> slots, tokens;  ///< [n]: positions in the target, and the ids written there
    std::vector<double> confidences;     ///< [n], 0 to 1 (generate/sampler.h)
  };
  const std::vector<Row>& rows;
  const std::vector<Canvas>& canvases;
};

struct GenerateOptions {
  uint64_t seed = 0;
  bool draw = true;  ///< false: greedy, the most likely token everywhere
  /// For speculative decoding of sequences; null: without. The generated tokens are the same.
  std::shared_ptr<const DraftModel> draft{};
  SequenceIds sequence_ids;
  /// Called after each step with its tokens; false stops the run.
  std::function<bool(const StepReport&)> on_step;
  /// Called after each token of a sequence with the index of its step, the number of tokens so far and of those that are
  /// generated at most; false stops the run, and the sequence stays as it was.
  std::function<bool(int64_t step, int64_t tokens, int64_t most)> on_token{};
  /// Called with the logits of a step before sampling: one tensor [n, V] a pass (conditional ones first, the base last)
  /// and the guided logits. For a sequence once per token.
  std::function<void(int64_t step, const std::vector<Tensor>& passes, const Tensor& guided)> on_logits;
  /// The positions of a ROAR step in decoding order, instead of a random choice (parity runs).
  std::function<std::vector<int64_t>(int64_t step, size_t canvas)> choose_slots;
};

/// Runs the steps in order; the canvases are filled in place. Returns false when a callback stopped it. A canvas has a
/// random stream of its own, independent of its batch; the batch may change the last bits of its logits.
bool generate(const FourM& model, const std::vector<Step>& steps, std::vector<Canvas>& canvases,
              const GenerateOptions& options);

/// The same on several devices: `replicas` are the same model on each of them, and each generates a part of the canvases.
/// on_step is called when all have done a step, by one thread at a time and with the canvases of one part; on_token by one
/// thread at a time. on_logits and choose_slots cannot be given.
bool generate(const std::vector<const FourM*>& replicas, const std::vector<Step>& steps, std::vector<Canvas>& canvases,
              const GenerateOptions& options);

}  // namespace fourm
